package httpapi

import (
	"context"
	"net"
	"net/http"

	"pando/store"
)

// Refused is a connection beyond the limit of connections: each of its requests is answered with 503, and it is closed. Whoever
// accepts it makes the connection tell, and gives it little time.
type Refused interface {
	Refused() bool
}

// causeTooManyConnections is what a client is told whose connection is refused.
const causeTooManyConnections = "etcdserver: too many connections"

type refusedKey struct{}

// rememberRefused is http.Server.ConnContext.
func rememberRefused(ctx context.Context, c net.Conn) context.Context {
	if over, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = over.NetConn()
	}
	if r, ok := c.(Refused); ok && r.Refused() {
		return context.WithValue(ctx, refusedKey{}, true)
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
		if r.Context().Value(refusedKey{}) != nil {
			w.Header()["Connection"] = closing
			refuse(w, r)
			return
		}
		h.ServeHTTP(w, r)
	})
}

var closing = []string{"close"}

func refuse(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header["Content-Type"] = typeJSON
	enc := newEncoder(w)
	defer enc.free()
	enc.head = r.Method == http.MethodHead
	enc.status = http.StatusServiceUnavailable
	enc.error(store.NewError(store.CodeRaftInternal, causeTooManyConnections, 0))
	enc.end()
}
