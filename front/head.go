package front

import (
	"net/http"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
)

// maxFields is how many header fields a plain request has at most.
const maxFields = 32

// exchange is one request and its answer. It is used for one after the other; nothing of it outlives the answer but strings.
type exchange struct {
	response
	request http.Request
	url     url.URL
	header  http.Header
	values  [maxFields]string // what the header's slices point into
	body    body
	// length is the announced one of the body; closing is set if the client wants no further request.
	length  int
	closing bool
}

// parse reads a whole head, with the empty line at its end. It returns false for one that is not plain: nothing is known about
// it then, and net/http has to say what it is.
func (x *exchange) parse(head string) bool {
	line, rest, ok := cutLine(head)
	if !ok || !x.parseRequestLine(line) {
		return false
	}
	x.length, x.closing = -1, false
	fields := 0
	for {
		if line, rest, ok = cutLine(rest); !ok {
			return false
		}
		if line == "" {
			break
		}
		if fields == maxFields || !x.parseField(line, fields) {
			return false
		}
		fields++
	}
	return rest == "" && x.complete()
}

// mayBePlain looks at what has come of a head. What net/http answers without the rest must not wait for that here.
func (x *exchange) mayBePlain(begun string) bool {
	if begun != "" && (begun[0] < 'A' || begun[0] > 'Z') {
		return false // TLS, for example
	}
	for first := true; strings.IndexByte(begun, '\n') >= 0; first = false {
		line, rest, ok := cutLine(begun)
		if !ok || first && !x.parseRequestLine(line) || !first && strings.IndexByte(line, ':') < 1 {
			return false
		}
		begun = rest
	}
	return true
}

// cutLine returns a line without its CRLF. A line that ends otherwise is not plain.
func cutLine(s string) (line, rest string, ok bool) {
	i := strings.IndexByte(s, '\n')
	if i < 1 || s[i-1] != '\r' {
		return "", "", false
	}
	return s[:i-1], s[i+1:], true
}

// parseRequestLine: RFC 9112, section 3, of the forms of the target only that of a path.
func (x *exchange) parseRequestLine(line string) bool {
	method, rest, ok := strings.Cut(line, " ")
	if !ok || !isPlainMethod(method) {
		return false
	}
	target, proto, ok := strings.Cut(rest, " ")
	if !ok || proto != "HTTP/1.1" || target == "" || target[0] != '/' {
		return false
	}
	for i := 0; i < len(target); i++ {
		if c := target[i]; c <= ' ' || c == 0x7f {
			return false
		}
	}
	path, query, _ := strings.Cut(target, "?")
	if strings.IndexByte(path, '%') >= 0 {
		var err error
		if path, err = url.PathUnescape(path); err != nil {
			return false
		}
	}
	x.url = url.URL{Path: path, RawQuery: query}
	x.request = http.Request{
		Method: method, URL: &x.url, RequestURI: target, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: x.header,
	}
	return true
}

func isPlainMethod(m string) bool {
	switch m {
	case http.MethodGet, http.MethodPut, http.MethodPost, http.MethodDelete, http.MethodHead, http.MethodOptions:
		return true
	}
	return false
}

// parseField: RFC 9112, section 5.
func (x *exchange) parseField(line string, n int) bool {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return false
	}
	value = strings.Trim(value, " \t")
	for i := 0; i < len(value); i++ {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return false
		}
	}
	known, ok := names[name]
	if !ok {
		if !isToken(name) {
			return false
		}
		known.name = textproto.CanonicalMIMEHeaderKey(name)
		known.use = uses[known.name]
	}
	switch known.use {
	case isUnusual:
		return false
	case isHost:
		if x.request.Host != "" || !isHostName(value) {
			return false
		}
		x.request.Host = value
		return true // and is no field, in Go
	case isLength:
		if x.length >= 0 || !x.parseLength(value) {
			return false
		}
	case isConnection:
		switch {
		case strings.EqualFold(value, "close"):
			x.closing = true
		case !strings.EqualFold(value, "keep-alive"):
			return false
		}
	}
	if before, again := x.header[known.name]; again {
		x.header[known.name] = append(before, value)
		return true
	}
	x.values[n] = value
	x.header[known.name] = x.values[n : n+1 : n+1]
	return true
}

// parseLength takes no sign, no list, and nothing that no plain body can have.
func (x *exchange) parseLength(value string) bool {
	for i := 0; i < len(value); i++ {
		if value[i] < '0' || value[i] > '9' {
			return false
		}
	}
	n, err := strconv.Atoi(value)
	x.length = n
	return err == nil && n <= maxRequest
}

// complete decides what only all fields together say.
func (x *exchange) complete() bool {
	if x.request.Host == "" {
		return false
	}
	x.length = max(x.length, 0)
	if x.length > 0 && x.request.Method != http.MethodPut && x.request.Method != http.MethodPost {
		return false
	}
	x.request.ContentLength = int64(x.length)
	x.request.Body = http.NoBody
	x.request.Close = x.closing
	return true
}

// use is what a field means to the server itself.
type use int

const (
	isField use = iota
	isHost
	isLength
	isConnection
	isUnusual
)

// uses are those of canonical names.
var uses = map[string]use{
	"Host": isHost, "Content-Length": isLength, "Connection": isConnection,
	"Transfer-Encoding": isUnusual, "Trailer": isUnusual, "Expect": isUnusual, "Upgrade": isUnusual, "Http2-Settings": isUnusual,
}

type field struct {
	name string // canonical
	use  use
}

// names finds what clients commonly write, as they write it, without taking memory for it.
var names = func() map[string]field {
	known := map[string]field{}
	for _, name := range []string{"Host", "Content-Length", "Connection", "User-Agent", "Accept", "Accept-Encoding", "Accept-Language",
		"Content-Type", "Authorization", "Origin", "Cookie", "Referer", "Cache-Control", "X-Requested-With"} {
		known[name] = field{name, uses[name]}
		known[strings.ToLower(name)] = field{name, uses[name]}
	}
	return known
}()

// isToken: RFC 9110, section 5.6.2.
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0:
		default:
			return false
		}
	}
	return s != ""
}

// isHostName says whether a Host is one of those that nobody has doubts about.
func isHostName(s string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '-', c == '_', c == ':', c == '[', c == ']':
		default:
			return false
		}
	}
	return s != ""
}
