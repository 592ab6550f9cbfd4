package httpapi

import (
	"net/http"
	"testing"
)

// TestChunkedRequestsAreTheLastOnTheirConnection: and no others.
func TestChunkedRequestsAreTheLastOnTheirConnection(t *testing.T) {
	addr := newRig(t, Options{}).listen(t)
	for head, closes := range map[string]bool{
		"PUT /v2/keys/k HTTP/1.1\r\nTransfer-Encoding: chunked":                     true,
		"POST /nothing HTTP/1.1\r\nTransfer-Encoding: chunked":                      true,
		"PUT /v2/keys/k HTTP/1.1\r\nContent-Length: 5":                              false,
		"PUT /v2/keys/k HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5":    true,
		"GET /v2/keys/k HTTP/1.0\r\nConnection: keep-alive":                         false,
		"GET /v2/keys/k HTTP/1.1":                                                   false,
		"DELETE /v2/keys/k HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 5": true,
	} {
		c := dial(t, addr)
		c.send(head + "\r\nHost: h\r\n\r\n0\r\n\r\n")
		if resp := c.answer(http.MethodGet); resp.Close != closes {
			t.Errorf("%q: closes: %v", head, resp.Close)
		}
	}
}
