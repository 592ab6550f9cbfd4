package front

import (
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// what clients send most.
const (
	curlGet = "GET /v2/keys/some/key?quorum=true HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\n\r\n"
	curlPut = "PUT /v2/keys/some/key HTTP/1.1\r\nHost: 127.0.0.1:2379\r\nUser-Agent: curl/7.88.1\r\nAccept: */*\r\nContent-Length: 106\r\n" +
		"Content-Type: application/x-www-form-urlencoded\r\n\r\n"
)

// BenchmarkHead is a head as bytes to a request.
func BenchmarkHead(b *testing.B) {
	for name, head := range map[string]string{"get": curlGet, "put": curlPut} {
		b.Run(name, func(b *testing.B) {
			x := &exchange{header: http.Header{}, response: response{header: http.Header{}}}
			b.ReportAllocs()
			for b.Loop() {
				if !x.parse(head) {
					b.Fatal("it is not plain")
				}
				x.reset()
			}
		})
	}
}

var (
	someField = []string{"7e27652122e8b2ae"}
	someBody  = strings.Repeat("x", 190)
)

// answer is as long as that to a GET, with as many fields.
func answer(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	for _, name := range []string{"Content-Type", "X-Etcd-Cluster-Id", "X-Etcd-Index", "X-Raft-Index", "X-Raft-Term"} {
		h[name] = someField
	}
	_, _ = io.WriteString(w, someBody)
}

// BenchmarkSocket is a request and its answer, with a client on the same processor: here, and in net/http.
func BenchmarkSocket(b *testing.B) {
	ours, theirs := both(b, answer)
	body := "value=" + strings.Repeat("v", 100)
	for _, server := range []struct{ name, addr string }{{"front", ours}, {"net-http", theirs}} {
		for name, request := range map[string]string{"get": curlGet, "put": curlPut + body} {
			b.Run(server.name+"/"+name, func(b *testing.B) { ask(b, server.addr, request) })
		}
	}
}

// ask makes the same request again and again.
func ask(b *testing.B, addr, request string) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	answer := make([]byte, minBuffer)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := io.WriteString(c, request); err != nil {
			b.Fatal(err)
		}
		if n, err := c.Read(answer); err != nil || n < len(someBody) {
			b.Fatal(n, err)
		}
	}
}
