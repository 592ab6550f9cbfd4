package httpapi

import (
	"context"
	"encoding/json"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

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
	limits    Limits
	bodies    budget
	watchers  budget
	// position caches the headers of the last View that was read from. Anyone may replace it.
	position atomic.Pointer[position]

	observer     Observer
	keysAnswered func(method string, status int, took time.Duration)
	slow         time.Duration
	slowLog      *rate.Limiter
	slowLeftOut  atomic.Uint64 // slow requests that were not logged since the last one that was

	stats        Statistics // may be nil, as what follows
	metrics      http.Handler
	engineStatus func(context.Context) (json.RawMessage, error)
	setLogLevel  func(name string) bool
}

// ServeHTTP does what comes before routing, and routes the hot path itself: chi costs as much as the whole rest of a GET.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer h.logPanic(r)
	delete(r.Header, "Cookie") // nobody reads them; with HTTP/2 they take much more than the client has sent
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

func (h *handler) routes(profiles bool) http.Handler {
	mux := chi.NewMux()
	handle := func(path, route string, f http.HandlerFunc) { mux.HandleFunc(path, h.observed(route, f)) }
	keys := func(w http.ResponseWriter, r *http.Request) {
		if key, ok := keyOf(r.URL.Path); ok {
			h.serveKey(w, r, key)
		}
	}
	mux.HandleFunc("/v2/keys", keys)
	mux.HandleFunc("/v2/keys/*", keys)
	handle("/v2/members", "members", h.serveMembers)
	handle("/v2/members/*", "members", h.serveMembers)
	handle("/v2/machines", "machines", allow(h.serveMachines, http.MethodGet, http.MethodHead))
	handle(enableRoute, "auth", h.capable(h.serveEnable))
	handle(usersRoute, "auth", h.capable(h.serveUsers))
	handle(usersRoute+"/*", "auth", h.capable(h.serveUsers))
	handle(rolesRoute, "auth", h.capable(h.serveRoles))
	handle(rolesRoute+"/*", "auth", h.capable(h.serveRoles))
	handle("/health", "health", allow(h.serveHealth, http.MethodGet))
	handle("/version", "version", allow(serveVersion(h.server), http.MethodGet))
	if h.stats != nil {
		handle("/v2/stats/self", "stats", allow(h.serveSelfStats, http.MethodGet))
		handle("/v2/stats/leader", "stats", allow(h.serveLeaderStats, http.MethodGet))
		handle("/v2/stats/store", "stats", allow(h.serveStoreStats, http.MethodGet))
	}
	if h.metrics != nil {
		handle("/metrics", "metrics", h.metrics.ServeHTTP)
	}
	if h.setLogLevel != nil {
		handle("/config/local/log", "log", allow(h.serveLogLevel, http.MethodPut))
	}
	mux.HandleFunc("/debug/vars", allow(h.serveVars, http.MethodGet))
	if profiles {
		routeProfiles(mux)
	}
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
