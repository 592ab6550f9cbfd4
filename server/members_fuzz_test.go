package server

import (
	"net/http"
	"testing"
)

// FuzzTakeChange: what is handed over on the peer port as a change of the membership. A member that leads answers all of it,
// and goes on.
func FuzzTakeChange(f *testing.F) {
	for _, body := range []string{
		`{"method":"POST","id":7,"peerURLs":["http://127.0.0.1:1"]}`, `{"method":"POST","id":0}`, `{"method":"DELETE","id":7}`,
		`{"method":"PUT","id":7,"peerURLs":["x","x"]}`, `{"method":"GET"}`, `{"method":"DELETE","id":18446744073709551615}`, `[]`, ``,
	} {
		f.Add([]byte(body))
	}
	s, _ := startHere(f)
	if err := s.WaitReady(f.Context()); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		status, _ := s.takeChange(t.Context(), body)
		if status < 200 || status > 599 {
			t.Fatal(status)
		}
		select {
		case <-s.Failed():
			t.Fatal(s.reason)
		case <-s.node.Done():
			t.Fatal("the member has stopped")
		default:
		}
		if status == http.StatusInternalServerError {
			t.Logf("%q: 500", body)
		}
	})
}
