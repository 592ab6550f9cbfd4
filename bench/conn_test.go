package bench

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"
)

// TestAServerThatDoesNotAnswer: a request gives up, in whatever state the server hangs, and the next one has its time again.
func TestAServerThatDoesNotAnswer(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0") // the system accepts for it
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	release := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10")
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-release
	}))
	defer s.Close()
	defer close(release)
	for name, addr := range map[string]string{"before the head": silent.Addr().String(), "within the body": s.Listener.Addr().String()} {
		c := &conn{target: target{host: addr}, patience: 10 * time.Millisecond}
		for range 2 {
			if _, _, err := c.do(t.Context(), &request{method: http.MethodGet}); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("%s: %v", name, err)
			}
		}
		c.close()
	}
}

// TestPatienceIsForEachRequest: not for all that a connection carries.
func TestPatienceIsForEachRequest(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer s.Close()
	c := &conn{target: target{host: s.Listener.Addr().String()}, patience: 2 * renewPatience}
	defer c.close()
	for began := time.Now(); time.Since(began) < 2*c.patience; {
		if _, _, err := c.do(t.Context(), &request{method: http.MethodGet}); err != nil {
			t.Fatal(err)
		}
		<-time.After(renewPatience / 10)
	}
}
