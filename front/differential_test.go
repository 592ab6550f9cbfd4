package front

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// answers are what different handlers say, by path.
var answers = map[string]http.HandlerFunc{
	"/nothing": func(http.ResponseWriter, *http.Request) {},
	"/sees": func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		r.Header.Del("Connection") // net/http takes some of them away
		fmt.Fprintf(w, "%s %q %q %q %s %q %v %d %v %q %v %v", r.Method, r.URL.Path, r.URL.RawQuery, r.RequestURI, r.Proto, r.Host, r.Header,
			r.ContentLength, r.Close, body, err, r.TransferEncoding)
	},
	"/json": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["X-Etcd-Index"] = []string{"7"}
		w.Header()["Content-Type"] = []string{"application/json"}
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, "{}")
	},
	"/fields": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["B"] = []string{" two ", "two\r\nX: y", ""}
		w.Header()["Zz"] = nil
		w.Header()["Access-Control-Allow-Origin"] = []string{"\té\t"}
		w.Header()["Date"] = []string{"a date of its own"}
		_, _ = io.WriteString(w, "<html>")
	},
	"/no-date": func(w http.ResponseWriter, r *http.Request) { w.Header()["Date"] = nil },
	"/no-type": func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil
		fmt.Fprint(w, "<html>")
	},
	"/encoded": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		fmt.Fprint(w, "\x1f\x8b")
	},
	"/error": func(w http.ResponseWriter, r *http.Request) { http.Error(w, "it is not there", http.StatusNotFound) },
	"/redirect": func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/nothing?a=b", http.StatusMovedPermanently)
	},
	"/closes": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		fmt.Fprint(w, "bye")
	},
	"/keeps": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "keep-alive")
		fmt.Fprint(w, "on")
	},
	"/length": func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		fmt.Fprint(w, "12345")
	},
	"/twice": func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(201)
		w.WriteHeader(500)
		fmt.Fprint(w, "x")
	},
	"/gives-up": func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "never seen"); panic(http.ErrAbortHandler) },
	"/flush-nothing": func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		fmt.Fprint(w, "<html>")
	},
	"/flushes": func(w http.ResponseWriter, r *http.Request) {
		for _, s := range []string{"<ht", "ml>", ""} {
			_, _ = io.WriteString(w, s)
			w.(http.Flusher).Flush()
		}
	},
	"/pieces": func(w http.ResponseWriter, r *http.Request) {
		for i := range 3000 {
			_, _ = io.WriteString(w, []string{"<", "h", "t", "m", "l", ">"}[i%6])
		}
	},
	"/deadline": func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second))
	},
}

func init() {
	for _, n := range []int{1, 2047, 2048, 2049, 4096, 100_000} {
		answers["/bytes/"+strconv.Itoa(n)] = func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(make([]byte, n)) }
		answers["/then/"+strconv.Itoa(n)] = func(w http.ResponseWriter, r *http.Request) {
			fmt.Fprint(w, "<!DOCTYPE")
			_, _ = io.WriteString(w, " html>"+strings.Repeat("x", n))
		}
	}
	for _, status := range []int{200, 202, 204, 304, 307, 400, 418, 500, 599, 799} {
		answers["/status/"+strconv.Itoa(status)] = func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "a/b")
			w.WriteHeader(status)
			if _, err := io.WriteString(w, "body"); err != nil && !errors.Is(err, http.ErrBodyNotAllowed) {
				panic(err)
			}
		}
	}
	answers["/status/304/length"] = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "5")
		w.WriteHeader(http.StatusNotModified)
	}
}

// handle answers by path.
func handle(w http.ResponseWriter, r *http.Request) {
	if h := answers[r.URL.Path]; h != nil {
		h(w, r)
	} else {
		answers["/sees"](w, r)
	}
}

var aDate = regexp.MustCompile(`\r\nDate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n`)

func timeless(said string) string { return aDate.ReplaceAllString(said, "\r\nDate: now\r\n") }

// conversation sends requests in one piece, and returns what comes until the connection is closed: each head to the letter, but for the
// time, and each body.
func conversation(t *testing.T, addr string, requests ...string) (said []string) {
	t.Helper()
	c, err := dial(addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.t = t
	_, _ = io.WriteString(c, strings.Join(requests, "")) // as much as is taken
	for i := 0; ; i++ {
		head, body, err := oneAnswer(c.r, i < len(requests) && strings.HasPrefix(requests[i], "HEAD "))
		if head+body != "" {
			said = append(said, timeless(head), timeless(body)) // a body may go on to the end, with further heads
		}
		if err != nil {
			if err != io.EOF && !isReset(err) {
				said = append(said, err.Error())
			}
			return said
		}
	}
}

func oneAnswer(r *bufio.Reader, headOnly bool) (head, body string, err error) {
	var lines strings.Builder
	length, chunked := 0, false
	for {
		line, err := r.ReadString('\n')
		lines.WriteString(line)
		if err != nil {
			return lines.String(), "", err
		}
		if line == "\r\n" {
			break
		}
		if n, ok := strings.CutPrefix(line, "Content-Length: "); ok {
			length, _ = strconv.Atoi(strings.TrimSpace(n))
		}
		chunked = chunked || line == "Transfer-Encoding: chunked\r\n"
	}
	head = lines.String()
	switch {
	case headOnly, strings.HasPrefix(head, "HTTP/1.1 304"):
		return head, "", nil
	case chunked:
		b, err := io.ReadAll(httputil.NewChunkedReader(r))
		if err == nil {
			_, err = r.Discard(len("\r\n"))
		}
		return head, string(b), err
	case strings.HasPrefix(head, "HTTP/1.1 400"), strings.HasPrefix(head, "HTTP/1.1 431"), strings.HasPrefix(head, "HTTP/1.0"):
		b, _ := io.ReadAll(r) // to the end, or as far as it comes
		return head, string(b), io.EOF
	}
	b := make([]byte, length)
	n, err := io.ReadFull(r, b)
	return head, string(b[:n]), err
}

// both are a front with an http.Server behind it, and an http.Server alone.
func both(t testing.TB, h http.HandlerFunc) (front, alone string) {
	g := newRig(t, h, Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	g.served.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Close() })
	g.others.ErrorLog, s.ErrorLog = nothing(), nothing()
	return g.addr, l.Addr().String()
}

const closing = "GET /sees HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n"

// TestAnswersAreThoseOfNetHTTP: whatever a handler does, and with whatever method, the same bytes come, and the connection goes on
// or does not, as with net/http.
func TestAnswersAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	front, alone := both(t, handle)
	for path := range answers {
		for _, method := range []string{"GET", "HEAD", "PUT", "DELETE", "OPTIONS"} {
			for _, fields := range []string{"", "Connection: close\r\n", "Connection: keep-alive\r\n"} {
				request := method + " " + path + " HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n"
				compare(t, front, alone, request, closing)
			}
		}
	}
}

// TestRequestsAreThoseOfNetHTTP: whatever a client sends, the handler sees the same, and the client what comes of it; alone, and
// behind a plain request.
func TestRequestsAreThoseOfNetHTTP(t *testing.T) {
	t.Parallel()
	front, alone := both(t, handle)
	for _, request := range odd() {
		compare(t, front, alone, request, closing)
		compare(t, front, alone, get("/json"), request, closing)
	}
}

// TestLineBreaksBehindAPost: some old clients send one that its length does not count (RFC 9112, section 2.2).
func TestLineBreaksBehindAPost(t *testing.T) {
	t.Parallel()
	front, alone := both(t, handle)
	for _, breaks := range []string{"\r\n", "\n", "\r", "\r\n\r\n", "\r\n\n", "\r\n\r\n\n", "\r\n\r\n\r\n", "\n\n\n\n\n", "\r\n  "} {
		for _, method := range []string{"POST", "PUT"} {
			for _, length := range []int{0, 5, 5000} {
				first := fmt.Sprintf("%s /sees HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", method, length) + strings.Repeat("v", length)
				compare(t, front, alone, first, breaks+get("/json"), closing)
				compare(t, front, alone, first, breaks+first, breaks+closing)
				compare(t, front, alone, first, get("/json"), breaks+closing)
				compare(t, front, alone, first, breaks+"GET /sees HTTP/1.0\r\n\r\n")
				if method != "POST" {
					continue // net/http does not answer less than four bytes of a further request
				}
				if ours, theirs := breakOff(t, front, first+breaks), breakOff(t, alone, first+breaks); ours != theirs {
					t.Errorf("%q:\nhere        %q\nin net/http %q", first[:20]+breaks, ours, theirs)
				}
			}
		}
	}
}

// TestLineBreaksBehindAPostInPieces: they may come alone, and much later.
func TestLineBreaksBehindAPostInPieces(t *testing.T) {
	g := newRestlessRig(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.Method) }), Options{}, time.Millisecond)
	for _, pieces := range [][]string{{"\r", "\n", get("/")}, {"\r\n", "G", "ET / HTTP/1.1\r\nHost: h\r\n\r\n"}, {"\n", "\r\nGET", " / HTTP/1.1\r\nHost: h\r\n\r\n"}} {
		c := g.dial()
		c.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1")
		c.hears("POST")
		for _, piece := range pieces {
			g.eventually("it is parked, or has begun", func() bool { return g.parked() == 1 || g.in(idle) == 1 })
			c.send(piece)
		}
		c.hears("GET")
		c.Close()
		g.eventually("it is gone", func() bool { return g.open.Load() == 0 })
	}
}

func compare(t *testing.T, front, alone string, requests ...string) {
	t.Helper()
	ours, theirs := conversation(t, front, requests...), conversation(t, alone, requests...)
	if !slices.Equal(ours, theirs) {
		t.Errorf("%.300q:\nhere        %.600q\nin net/http %.600q", requests, ours, theirs)
	}
}

// odd are requests of all kinds.
func odd() (all []string) {
	for _, target := range []string{
		"/", "/sees", "/a/../b", "//a//b", "//evil.example/a", "/a%2fb", "/a%2Fb%20c", "/%zz", "/%", "/a?b=c&d=%zz", "/a?", "/a#b", "/a?b#c",
		"/\xc3\xa9", "/a\x7f", "/a\tb", "/a b", "*", "", "a", "http://h/a", "http://u:p@other/a?b", "https://h", "h:80", "/a;b=c", "/a|b\"<>\\^`{}",
		"/" + strings.Repeat("a", 3000), "/" + strings.Repeat("a", 5000), "/%00", "/a%0d%0aX: y", "/.", "/..", "///", "/:", "/a:b", "?a", "/?a?b",
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			all = append(all, method+" "+target+" HTTP/1.1\r\nHost: h\r\n\r\n")
		}
	}
	for _, method := range []string{"get", "PATCH", "CONNECT", "TRACE", "G", "", "GET ", "GET\t", "G@T", "PRI", "M-SEARCH"} {
		all = append(all, method+" /sees HTTP/1.1\r\nHost: h\r\n\r\n")
	}
	for _, proto := range []string{"HTTP/1.0", "HTTP/1.0\r\nConnection: keep-alive", "HTTP/1.2", "HTTP/2.0", "HTTP/0.9", "http/1.1", "HTTP/1.1 ", " HTTP/1.1", "HTTP/01.1", "HTTP/1.1x", ""} {
		all = append(all, "GET /sees "+proto+"\r\nHost: h\r\n\r\n")
	}
	for _, fields := range oddFields {
		all = append(all, "GET /sees HTTP/1.1\r\nHost: h\r\n"+fields+"\r\n")
	}
	for _, host := range []string{"", "h", "h:1", "[::1]:80", "a/b", "a b", "a,b", "u@h", "é", "h\r\nHost: h", "h\r\nHost: i", "%41", "h\x00", "*", "h\t", "-_-", "[", "a:b:c"} {
		all = append(all, "GET /sees HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	}
	for _, length := range []string{"5", "05", "0", "00", "-5", "+5", " 5", "5 ", "5\t", "0x5", "5, 5", "5\r\nContent-Length: 5", "5\r\nContent-Length: 6", "99999999999999999999", "", "5\r\nTransfer-Encoding: chunked", "٥"} {
		for _, method := range []string{"PUT", "POST", "GET", "DELETE", "HEAD"} {
			all = append(all, method+" /sees HTTP/1.1\r\nHost: h\r\nContent-Length: "+length+"\r\n\r\nvalue")
		}
	}
	for _, n := range []int{4096, 32 << 10, 32<<10 + 1, 100_000} {
		all = append(all, fmt.Sprintf("PUT /sees HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n", n)+string(bytes.Repeat([]byte("v"), n)))
	}
	return append(all,
		"GET /sees HTTP/1.1\r\n\r\n", "GET /sees\r\n\r\n", "\r\n"+get("/sees"), "\n"+get("/sees"), "\r\n\r\n"+get("/sees"), " "+get("/sees"),
		"GET /sees HTTP/1.1\nHost: h\n\n", "GET /sees HTTP/1.1\r\nHost: h\n\r\n", "GET /sees HTTP/1.1\nHost: h\r\n\r\n", "GET /sees HTTP/1.1\r\nHost: h\r\n\n",
		"GET /sees HTTP/1.1\rHost: h\r\r", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"POST /sees HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nvalue",
		"POST /sees HTTP/1.1\r\nHost: h\r\nExpect: other\r\nContent-Length: 5\r\n\r\nvalue",
		"POST /sees HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nvalue\r\n0\r\n\r\n",
		"POST /sees HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nTrailer: A\r\n\r\n5\r\nvalue\r\n0\r\nA: b\r\n\r\n",
		"POST /sees HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\nvalue",
	)
}

var oddFields = []string{
	"A: b\r\n", "a: b\r\nA: c\r\na: d\r\n", "A:b\r\n", "A:\t b \t\r\n", "A:\r\n", "A : b\r\n", " A: b\r\n", "A: b\r\n c\r\n", "A\r\n", ":b\r\n", ": b\r\n", "A: b:c\r\n",
	"A: \x00\r\n", "A: \x01\r\n", "A: \x7f\r\n", "A: \x80\xff\r\n", "\x80: b\r\n", "A b: c\r\n", "A(: c\r\n", "A: b\rc\r\n", "A: b\r\r\n", "A: b\n\r\n",
	"user-agent: x\r\nACCEPT: */*\r\nAuthorization: Basic YTpi\r\n", "cookie: a=b\r\nCookie: c=d\r\n", "x-etcd-index: 1\r\nX_under: 1\r\nx--: 1\r\n",
	"Connection: close\r\n", "Connection: Close\r\n", "Connection: CLOSE, x\r\n", "Connection: keep-alive\r\nConnection: close\r\n", "Connection: Upgrade\r\nUpgrade: h2c\r\n",
	"Connection: x\r\nX: y\r\n", "Connection:\r\n", "Keep-Alive: 5\r\nProxy-Connection: keep-alive\r\n", "TE: trailers\r\n", "Trailer: A\r\n", "Upgrade: websocket\r\n", "Expect:\r\n",
	"Transfer-Encoding: identity\r\n", "Transfer-Encoding:\r\n", "transfer-encoding: chunked\r\n", "Pragma: no-cache\r\nCache-Control: max-age=0\r\n",
	"If-None-Match: x\r\nRange: bytes=0-1\r\n", "Content-Type: a\r\nContent-Type: b\r\n",
	strings.Repeat("A: b\r\n", 31), strings.Repeat("A: b\r\n", 32), strings.Repeat("A: b\r\n", 33), strings.Repeat("A: b\r\n", 600),
	"A: " + strings.Repeat("b", 4000) + "\r\n", "A: " + strings.Repeat("b", 4096-35-3-2-2) + "\r\n", "A: " + strings.Repeat("b", 100_000) + "\r\n",
}

// FuzzConversation: whatever a client sends on a connection, it gets the same bytes from a Server as from net/http.
func FuzzConversation(f *testing.F) {
	for i, request := range odd() {
		f.Add([]byte(request + closing))
		if i%5 == 0 {
			f.Add([]byte(get("/json") + request))
		}
	}
	ours, theirs := both(f, answers["/sees"])
	f.Fuzz(func(t *testing.T, sent []byte) {
		here, there := breakOff(t, ours, string(sent)), breakOff(t, theirs, string(sent))
		if here != there && here != there+badRequest { // net/http does not answer less than four bytes of a further request
			t.Errorf("%.300q:\nhere        %.600q\nin net/http %.600q", sent, here, there)
		}
	})
}

const badRequest = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n400 Bad Request"
