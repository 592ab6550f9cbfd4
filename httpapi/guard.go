package httpapi

import (
	"context"
	"net"
	"net/http"

	"pando/store"
)

// causeTooManyConnections is what a client is told whose connection is refused.
const causeTooManyConnections = "etcdserver: too many connections"

type connKey struct{}

// rememberConn is http.Server.ConnContext.
func rememberConn(ctx context.Context, c net.Conn) context.Context {
	if ours := connOf(c); ours != nil {
		return context.WithValue(ctx, connKey{}, ours)
	}
	return ctx
}

// guarded stands before the handlers of both ports.
//
// A chunked request of HTTP/1 is the last one on its connection. It may have announced a length as well, which net/http drops
// without a word (RFC 9112, section 6.1): to whoever went by that length in front of us, the rest of the body is another
// request. It is read by nobody. HTTP/1.0 knows no chunks, so there net/http drops those, and goes by the length: what may
// have a body is the last request as well.
func guarded(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TransferEncoding) > 0 || !r.ProtoAtLeast(1, 1) && r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header()["Connection"] = closing
		}
		c, ours := r.Context().Value(connKey{}).(Conn)
		switch {
		case !ours:
			h.ServeHTTP(w, r)
		case c.Refused():
			w.Header()["Connection"] = closing
			refuse(w, r, causeTooManyConnections)
		case r.ProtoMajor > 1:
			c.Head().of.withHead(r, func() { h.ServeHTTP(w, r) }, func() { refuse(w, r, causeTooMany) })
		default:
			c.Head().complete()
			h.ServeHTTP(w, r)
		}
	})
}

var closing = []string{"close"}

// refuse answers in the form of the keys API, whatever was asked for.
func refuse(w http.ResponseWriter, r *http.Request, cause string) {
	w.Header()["Content-Type"] = typeJSON
	enc := newEncoder(w)
	defer enc.free()
	enc.head = r.Method == http.MethodHead
	enc.status = http.StatusServiceUnavailable
	enc.error(store.NewError(store.CodeRaftInternal, cause, 0))
	enc.end()
}
