package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"pando/auth"
	"pando/eventhistory"
	"pando/store"
)

// Server is the member that answers: what the API needs of replication and of the store. Every method may be called from
// any goroutine. The errors of Do, ReadBarrier and WaitReady are a *Failure, ErrStopped or that of ctx; none of them takes longer than the
// request timeout, with whatever ctx.
type Server interface {
	// Do sends a command through the log and returns what applying it gave. The command needs no ID. The request timeout
	// is kept here.
	Do(ctx context.Context, c store.Command) (store.Result, error)
	// ReadBarrier returns when View shows every write that was acknowledged before the call.
	ReadBarrier(ctx context.Context) error
	// WaitReady returns when View may be shown at all: not before the log has been replayed.
	WaitReady(ctx context.Context) error
	// View is the state as last published.
	View() *store.View
	// Watch registers a watcher; the errors and wake are those of eventhistory.
	Watch(path string, recursive, stream bool, waitIndex uint64, wake func()) (*eventhistory.Watcher, error)
	// ClusterID and MemberID never change.
	ClusterID() uint64
	MemberID() uint64
	// Leader is the member that leads, 0 while none is known.
	Leader() uint64
	// AddMember, UpdateMember and RemoveMember change the membership; peer URLs are sorted. The errors are a *MemberError,
	// ErrStopped, that of ctx, or what the log is told. The request timeout is kept here.
	AddMember(ctx context.Context, peerURLs []string) (store.Member, error)
	UpdateMember(ctx context.Context, id uint64, peerURLs []string) error
	RemoveMember(ctx context.Context, id uint64) error
	// Healthy says whether writes are being applied.
	Healthy() bool
	// NotPando names the members that keep this one to the rules of etcd 2.3; nil if it lives by its own, and not nil
	// but empty while it is about to.
	NotPando() []string
}

// Failure is an answer that the store had no part in, v2 error 300: a timeout, a refusal. The etcd index of the answer is 0
// (keys-api spec, section 11).
type Failure struct {
	// Status is that of the answer: 500 if the outcome is not known, 503 if nothing was proposed.
	Status int
	// Cause is shown to the client.
	Cause string
}

// Error is the cause.
func (f *Failure) Error() string { return f.Cause }

// ErrStopped says that the server is going down: the connection is cut without an answer.
var ErrStopped = errors.New("the server is stopping")

// Options are what the client port can be told.
type Options struct {
	// CORS lists the origins that get CORS headers; "*" stands for all. None by default.
	CORS []string
	// Auth decides what requests may do; nil is a service of New's own.
	Auth *auth.Service
	// Limits are those that NewHTTPServer does not keep; the zero value stands for DefaultLimits.
	Limits Limits
	// Logger is told of panics and of errors that no client caused; nil is nobody.
	Logger *zap.Logger
	// Observer is told of each answer; nil is nobody.
	Observer Observer
	// Slow is how long a request may take before the log tells where its time went; 0 is for ever.
	Slow time.Duration
	// Statistics is what /v2/stats tells of; nil: it is not served.
	Statistics Statistics
	// Metrics answers /metrics; nil: it is not served.
	Metrics http.Handler
	// EngineStatus is the raft.status of /debug/vars; nil is null.
	EngineStatus func(context.Context) (json.RawMessage, error)
	// SetLogLevel is called by /config/local/log with etcd's name of a level, and returns false if there is none of that
	// name; nil: it is not served.
	SetLogLevel func(name string) bool
	// Pprof serves the profiles of the process below /debug/pprof.
	Pprof bool
	// Now is the clock that a TTL begins at and that remaining TTLs are shown by; nil is time.Now.
	Now func() time.Time
}

// New returns the handler of the client port.
func New(s Server, o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = zap.NewNop()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Observer == nil {
		o.Observer = nobody{}
	}
	if o.Auth == nil {
		o.Auth = auth.NewService(s, o.Logger)
	}
	if o.Limits == (Limits{}) {
		o.Limits = DefaultLimits()
	}
	h := &handler{
		server:    s,
		auth:      o.Auth,
		observer:  o.Observer,
		slow:      o.Slow,
		slowLog:   rate.NewLimiter(slowLines, slowBurst),
		stats:     o.Statistics,
		metrics:   o.Metrics,
		now:       o.Now,
		log:       o.Logger,
		cors:      newCORS(o.CORS),
		clusterID: []string{hexID(s.ClusterID())},
		limits:    o.Limits,
		bodies:    budget{limit: bodyBudget},
		watchers:  budget{limit: o.Limits.Watchers},

		engineStatus: o.EngineStatus,
		setLogLevel:  o.SetLogLevel,
		keysAnswered: o.Observer.Route("keys"),
	}
	s.View().CountAuthLookup() // as the reference's API does when it begins
	h.router = h.routes(o.Pprof)
	return h
}
