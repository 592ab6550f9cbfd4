package front

import (
	"bufio"
	"net/http"
	"reflect"
	"strings"
	"testing"
)

// FuzzHead: what is plain is what net/http takes for the same request.
func FuzzHead(f *testing.F) {
	for _, head := range []string{
		"GET /v2/keys/a HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /v2/keys/a%2fb?recursive=true&sorted=true HTTP/1.1\r\nhost: h:2379\r\naccept: */*\r\nX-a: 1\r\nx-A: 2\r\n\r\n",
		"PUT /v2/keys/a HTTP/1.1\r\nHost: [::1]:2379\r\nContent-Length: 7\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n",
		"POST /v2/keys/\xc3\xa9 HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		"GET //a/../b? HTTP/1.1\r\nHost: h\r\nConnection: Keep-Alive\r\n\r\n",
		"GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
		"PUT /a HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
		"GET /a#b HTTP/1.1\r\nHost: h\r\nA:\t b \t\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a HTTP/1.0\r\n\r\n",
	} {
		f.Add(head)
	}
	f.Fuzz(func(t *testing.T, head string) {
		x := exchange{header: http.Header{}}
		if !x.parse(head) {
			return
		}
		theirs, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
		if err != nil {
			t.Fatalf("plain here, in net/http: %v", err)
		}
		ours := &x.request
		if ours.Method != theirs.Method || ours.URL.Path != theirs.URL.Path || ours.URL.RawQuery != theirs.URL.RawQuery ||
			ours.Host != theirs.Host || ours.RequestURI != theirs.RequestURI || ours.ContentLength != theirs.ContentLength ||
			ours.Close != theirs.Close || len(theirs.TransferEncoding) > 0 {
			t.Fatalf("here %+v, in net/http %+v", ours, theirs)
		}
		theirs.Header.Del("Connection")
		ours.Header.Del("Connection")
		theirs.Header.Del("Cache-Control") // net/http makes one of Pragma
		ours.Header.Del("Cache-Control")
		if !reflect.DeepEqual(ours.Header, theirs.Header) {
			t.Fatalf("here %q, in net/http %q", ours.Header, theirs.Header)
		}
	})
}
