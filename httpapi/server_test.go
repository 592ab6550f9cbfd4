package httpapi

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/auth"
	"pando/eventhistory"
	"pando/store"
)

// lone is a Server without replication: a command is applied by whoever brings it.
type lone struct {
	store *store.Store

	mu    sync.Mutex
	index uint64 // of the raft log

	// What a test may set before it serves.
	fail  error // of Do and ReadBarrier
	ready error // of WaitReady
	// barrier, if it is not nil, is called by ReadBarrier.
	barrier func()
	leader  uint64
	sick    bool
	others  []string

	refusal error    // of a change of the membership
	changes []string // of the membership
}

var testTime = time.Date(2026, 11, 24, 12, 0, 0, 500_000_000, time.UTC)

func fixedTime() time.Time { return testTime }

// newLone returns a member as a fresh cluster of one has it: the next write gets index 4.
func newLone(t testing.TB, o store.Options) *lone {
	s := &lone{store: store.New(o), leader: 0xc1}
	for _, c := range []store.Command{
		{Method: "PUT", Path: "/0/members/c1/raftAttributes", Val: `{"peerURLs":["http://127.0.0.1:2380"]}`},
		{Method: "PUT", Path: "/0/members/c1/attributes", Val: `{"name":"one","clientURLs":["http://127.0.0.1:2379"]}`},
		{Method: "PUT", Path: "/0/version", Val: "2.3.0"},
	} {
		if r, err := s.Do(t.Context(), c); err != nil || r.Err != nil {
			t.Fatal(err, r.Err)
		}
	}
	return s
}

func (s *lone) Do(_ context.Context, c store.Command) (store.Result, error) {
	if s.fail != nil {
		return store.Result{}, s.fail
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.index++
	c.ID = s.index
	c, err := store.Unmarshal(c.Marshal())
	if err != nil {
		return store.Result{}, err
	}
	r := s.store.Apply(s.index, 1, c)
	s.store.Publish(s.index, 1)
	s.store.Notify()
	return r, nil
}

func (s *lone) ReadBarrier(context.Context) error {
	if s.barrier != nil {
		s.barrier()
	}
	return s.fail
}

// expire does what the leader's clock does.
func (s *lone) expire(t *testing.T, at time.Time) {
	t.Helper()
	if _, err := s.Do(t.Context(), store.Command{Method: "SYNC", Time: at.UnixNano()}); err != nil {
		t.Fatal(err)
	}
}

func (s *lone) WaitReady(context.Context) error { return s.ready }
func (s *lone) View() *store.View               { return s.store.View() }
func (s *lone) ClusterID() uint64               { return 0xabc }
func (s *lone) MemberID() uint64                { return 0xc1 }
func (s *lone) Leader() uint64                  { return s.leader }
func (s *lone) Healthy() bool                   { return !s.sick }
func (s *lone) NotPando() []string              { return s.others }

func (s *lone) Watch(path string, recursive, stream bool, waitIndex uint64, wake func()) (*eventhistory.Watcher, error) {
	return s.store.Watch(path, recursive, stream, waitIndex, wake)
}

// rig is a handler over a lone member.
type rig struct {
	*lone
	handler http.Handler
}

func newRig(t testing.TB, o Options) *rig {
	if o.Now == nil {
		o.Now = fixedTime
	}
	s := newLone(t, store.Options{Now: o.Now})
	if o.Auth == nil {
		o.Auth = auth.NewService(s, zap.NewNop())
		o.Auth.Cheapen()
	}
	return &rig{s, New(s, o)}
}

// do sends one request without a socket. A form goes into the body.
func (g *rig) do(method, target, form string) *recorder {
	r := httptest.NewRequest(method, target, strings.NewReader(form))
	if form != "" {
		r.Header.Set("Content-Type", formType)
	}
	w := newRecorder()
	g.handler.ServeHTTP(w, r)
	return w
}

// listen serves the handler on a socket for as long as the test runs.
func (g *rig) listen(t testing.TB) (addr string) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, NewHTTPServer(g.handler, nil, DefaultLimits()))
}

func serveOn(t testing.TB, l net.Listener, s *http.Server) (addr string) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = s.Serve(l)
	}()
	t.Cleanup(func() {
		s.Close()
		<-ended
	})
	return l.Addr().String()
}

// client is one connection.
type client struct {
	net.Conn
	t testing.TB
	r *bufio.Reader
}

func dial(t testing.TB, addr string) *client {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newClient(t, patient{c.(*net.TCPConn)})
}

// patient is a connection on which something has to move within a minute, however long all of it takes.
type patient struct{ *net.TCPConn }

func (p patient) Read(b []byte) (int, error) {
	_ = p.SetReadDeadline(time.Now().Add(time.Minute)) // a closed one says so below
	return p.TCPConn.Read(b)
}

func (p patient) Write(b []byte) (int, error) {
	_ = p.SetWriteDeadline(time.Now().Add(time.Minute))
	return p.TCPConn.Write(b)
}

func newClient(t testing.TB, c net.Conn) *client { return &client{c, t, bufio.NewReader(c)} }

func (c *client) send(s string) {
	c.t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		c.t.Fatal(err)
	}
}

// get sends a request without a body and reads the head of the answer.
func (c *client) get(target string) *http.Response {
	c.t.Helper()
	c.send("GET " + target + " HTTP/1.1\r\nHost: h\r\n\r\n")
	return c.answer(http.MethodGet)
}

func (c *client) answer(method string) *http.Response {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
	if err != nil {
		c.t.Fatal(err)
	}
	return resp
}

type recorder = httptest.ResponseRecorder

func newRecorder() *recorder { return httptest.NewRecorder() }
