package transport

import (
	"net"
	"net/http"
	"testing"
)

// TestSilentStreamIsGivenUp: a peer says something on each stream, however little there is to say. Where nothing comes its
// host may have vanished, and the stream is asked for anew.
func TestSilentStreamIsGivenUp(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	streams := make(chan string, 100)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Server-Version", ServerVersion)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		streams <- r.URL.Path
		<-r.Context().Done()
	})}
	go server.Serve(listener)
	t.Cleanup(func() { _ = server.Close() })
	n := startNode(t, 1, "127.0.0.1:0")
	if err := n.AddPeer(2, []string{"http://" + listener.Addr().String()}); err != nil {
		t.Fatal(err)
	}
	for range 4 { // two at once, and both again
		receive(t, "a stream", streams)
	}
}
