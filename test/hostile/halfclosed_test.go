package hostile

import (
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
)

// Who closes its side behind a request may still listen: it is carried out and answered, whichever way it is served.
func TestWhoHasClosedItsSideIsAnswered(t *testing.T) {
	g := newRig(t)
	secure, trust := secured(t)
	length := func(body string) string { return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body) }
	for _, request := range []struct{ line, rest string }{
		{"DELETE /v2/keys/none", "\r\n"}, {"GET /v2/keys/none?quorum=true", "\r\n"}, {"PUT /v2/keys/k?prevExist=true", "\r\n"},
		{"PUT /v2/keys/k?prevExist=true", form + length("value="+strings.Repeat("v", 50_000))}, {"POST /v2/keys/queue", form[2:] + length("value=v")},
		{"DELETE /v2/members/1", "\r\n"}, {"DELETE /v2/auth/roles/none", "\r\n"},
		{"PUT /v2/auth/roles/r", length(`{"role":"r"}`)},
	} {
		for _, protocol := range []string{" HTTP/1.1\r\nHost: h\r\n", " HTTP/1.0\r\n"} {
			for _, server := range []*rig{g, secure} {
				for range 5 {
					c, err := net.Dial("tcp", strings.TrimPrefix(strings.TrimPrefix(server.Endpoint, "https://"), "http://"))
					if err != nil {
						t.Fatal(err)
					}
					var half interface {
						io.ReadWriteCloser
						CloseWrite() error
					} = c.(*net.TCPConn)
					if server == secure {
						config := trust.Clone()
						config.ServerName = "127.0.0.1"
						half = tls.Client(c, config)
					}
					if _, err := io.WriteString(half, request.line+protocol+request.rest); err != nil {
						t.Fatal(err)
					}
					if err := half.CloseWrite(); err != nil {
						t.Fatal(err)
					}
					if all, err := io.ReadAll(half); err != nil || !strings.HasPrefix(string(all), "HTTP/1.") {
						t.Fatalf("%s%s: %.100q, %v", request.line, strings.TrimSpace(protocol), all, err)
					}
					half.Close()
				}
			}
		}
	}
}
