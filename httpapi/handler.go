package httpapi

import (
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"

	"pando/auth"
)

// handler serves the client port.
type handler struct {
	server    Server
	auth      *auth.Service
	now       func() time.Time
	log       *zap.Logger
	cors      cors
	router    http.Handler
	clusterID []string // the header's value
	bodies    budget
	// position caches the headers of the last View that was read from. Anyone may replace it.
	position atomic.Pointer[position]
}

// ServeHTTP does what comes before routing, and routes the hot path itself: chi costs as much as the whole rest of a GET.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.logPanic(r)
	if r.ContentLength != 0 {
		hurry(w)
	}
	h.cors.set(w.Header(), r)
	if r.Method == http.MethodOptions {
		return // 200 and nothing else, on any path whatever
	}
	if isUnclean(r.URL.Path) && r.Method != http.MethodConnect { // which need not have a path
		redirectToClean(w, r)
		return
	}
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut:
		if key, ok := keyOf(r.URL.Path); ok {
			h.serveKey(w, r, key)
			return
		}
	}
	h.router.ServeHTTP(w, routable(r))
}

// logPanic logs a panic with its stack and lets it go on to net/http, which closes the connection.
func (h *handler) logPanic(r *http.Request) {
	if p := recover(); p != nil {
		if p != http.ErrAbortHandler {
			h.log.Error("panic while serving a request", zap.String("method", r.Method), zap.Any("panic", p),
				zap.ByteString("stack", debug.Stack()))
		}
		panic(http.ErrAbortHandler)
	}
}

func (h *handler) routes() http.Handler {
	mux := chi.NewMux()
	keys := func(w http.ResponseWriter, r *http.Request) {
		if key, ok := keyOf(r.URL.Path); ok {
			h.serveKey(w, r, key)
		}
	}
	mux.HandleFunc("/v2/keys", keys)
	mux.HandleFunc("/v2/keys/*", keys)
	mux.HandleFunc("/v2/members", h.serveMembers)
	mux.HandleFunc("/v2/members/*", h.serveMembers)
	mux.HandleFunc("/v2/machines", allow(h.serveMachines, http.MethodGet, http.MethodHead))
	mux.HandleFunc(enableRoute, h.capable(h.serveEnable))
	mux.HandleFunc(usersRoute, h.capable(h.serveUsers))
	mux.HandleFunc(usersRoute+"/*", h.capable(h.serveUsers))
	mux.HandleFunc(rolesRoute, h.capable(h.serveRoles))
	mux.HandleFunc(rolesRoute+"/*", h.capable(h.serveRoles))
	mux.HandleFunc("/health", allow(h.serveHealth, http.MethodGet))
	mux.HandleFunc("/version", allow(serveVersion(h.server), http.MethodGet))
	mux.NotFound(http.NotFound)
	return mux
}

// routable makes chi match the decoded path, and any method: it answers one that it does not know before it looks at the
// path, so that the 404 and the list of allowed methods would be lost. PATCH stands for those; nobody serves it.
func routable(r *http.Request) *http.Request {
	r.URL.RawPath = ""
	switch r.Method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPost, http.MethodDelete:
	default:
		r.Method = http.MethodPatch
	}
	return r
}
