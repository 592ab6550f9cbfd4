package transport

import (
	"fmt"
	"net/http"
	"path"
	"strconv"

	"go.etcd.io/etcd/server/v3/etcdserver/api/rafthttp"
	"go.uber.org/zap"
)

// refusal is the answer to a request that is not carried out.
type refusal struct {
	status int
	body   string
	json   bool
}

// The refusals that etcd's peers know by their texts.
var (
	errVersion  = &refusal{status: http.StatusPreconditionFailed, body: "incompatible version"}
	errCluster  = &refusal{status: http.StatusPreconditionFailed, body: "cluster ID mismatch"}
	errReceiver = &refusal{status: http.StatusPreconditionFailed, body: "to field mismatch"}
	errPath     = &refusal{status: http.StatusNotFound, body: "invalid path"}
	errFrom     = &refusal{status: http.StatusNotFound, body: "invalid from"}
	errUnknown  = &refusal{status: http.StatusNotFound, body: "error sender not found"}
	errGone     = &refusal{status: http.StatusGone, body: "removed member"}
	errRemoved  = &refusal{
		status: http.StatusForbidden, body: `{"message":"cannot process message from removed member"}`, json: true,
	}
	errStranger = &refusal{
		status: http.StatusPreconditionFailed, body: "only pando can join a cluster of pandos: stop this etcd, or start pando in its place",
	}
	errStopping = &refusal{status: http.StatusServiceUnavailable, body: "stopping"}
)

func (e *refusal) Error() string { return e.body }

func badRequest(format string, args ...any) *refusal {
	return &refusal{status: http.StatusBadRequest, body: fmt.Sprintf(format, args...)}
}

func (e *refusal) writeTo(w http.ResponseWriter) {
	if !e.json {
		http.Error(w, e.body, e.status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(e.status)
	fmt.Fprint(w, e.body)
}

// newRoutes puts what is ours in front of rafthttp, which gets to see nothing that it would choke on.
func (t *Transport) newRoutes() http.Handler {
	behind := t.raft.Handler()
	mux := http.NewServeMux()
	mux.Handle("POST "+rafthttp.RaftPrefix, t.guarded(senderOf, errRemoved, t.post))
	mux.Handle("POST "+rafthttp.RaftSnapshotPrefix, t.guarded(senderOf, errRemoved, t.receiveSnapshot))
	mux.Handle("GET "+presencePath, t.guarded(senderOf, errGone, t.holdPresence))
	mux.Handle("GET "+rafthttp.RaftStreamPrefix+"/", t.guarded(senderOfStream, errGone,
		func(w http.ResponseWriter, r *http.Request, from uint64) *refusal {
			if !t.isProven(from) {
				return errUnknown // it tries again
			}
			defer t.streams.open(from, http.NewResponseController(w))()
			behind.ServeHTTP(w, r)
			return nil
		}))
	mux.Handle(rafthttp.ProbingPrefix, behind)
	return mux
}

// served carries out a request of a member, or returns why not, before it has written anything.
type served func(w http.ResponseWriter, r *http.Request, from uint64) *refusal

// guarded admits only members of this cluster that speak our version. X-PeerURLs, by which etcd lets strangers make
// themselves known, is dropped. Stop waits for what is being served.
func (t *Transport) guarded(sender func(*http.Request) (uint64, *refusal), removed *refusal, next served) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !t.enter() {
			errStopping.writeTo(w)
			return
		}
		defer t.leave()
		w.Header().Set("X-Server-Version", ServerVersion)
		w.Header().Set("X-Etcd-Cluster-ID", hex(t.cfg.ClusterID))
		r.Header.Del("X-PeerURLs")
		from, refused := t.admit(r, sender, removed)
		if refused == nil {
			refused = next(w, r, from)
		}
		if refused != nil {
			t.refusals.Do(func() {
				t.log.Warn("refused a request of a peer", zap.String("path", r.URL.Path), zap.String("remote", r.RemoteAddr),
					zap.String("from", r.Header.Get("X-Server-From")), zap.Int("status", refused.status), zap.Error(refused))
			})
			refused.writeTo(w)
		}
	})
}

func (t *Transport) admit(r *http.Request, sender func(*http.Request) (uint64, *refusal), removed *refusal) (uint64, *refusal) {
	if !compatible(r.Header) {
		return 0, errVersion
	}
	if r.Header.Get("X-Etcd-Cluster-ID") != hex(t.cfg.ClusterID) {
		return 0, errCluster
	}
	from, refused := sender(r)
	switch {
	case refused != nil:
		return 0, refused
	case t.cfg.Handler.Removed(from):
		return 0, removed
	case from == t.cfg.MemberID || !t.cfg.Handler.Member(from):
		return 0, errUnknown
	case t.isStranger(from):
		return 0, errStranger
	}
	return from, nil
}

func senderOf(r *http.Request) (uint64, *refusal) { return parseID(r.Header.Get("X-Server-From")) }

// senderOfStream finds the id where rafthttp will look for it.
func senderOfStream(r *http.Request) (uint64, *refusal) {
	switch path.Dir(r.URL.Path) {
	case rafthttp.RaftStreamPrefix + "/message", rafthttp.RaftStreamPrefix + "/msgapp":
		return parseID(path.Base(r.URL.Path))
	}
	return 0, errPath
}

func parseID(text string) (uint64, *refusal) {
	id, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, errFrom
	}
	return id, nil
}

func hex(id uint64) string { return strconv.FormatUint(id, 16) }
