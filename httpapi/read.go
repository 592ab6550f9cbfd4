package httpapi

import (
	"net/http"

	"pando/store"
)

// read answers a GET or HEAD from a View: keys-api spec, section 6. Body and headers come from one View, so
// that a watch from X-Etcd-Index+1 on misses nothing.
func (h *handler) read(w http.ResponseWriter, c *store.Command, v *store.View, p *progress) error {
	n, refused := v.Lookup(c.Path)
	v.CountGet(c.Recursive, refused == nil)
	if refused != nil {
		return refused
	}
	h.setHeaders(w, h.positionOf(v.Index, v.RaftIndex, v.RaftTerm))
	enc := newEncoder(w)
	defer enc.free()
	enc.head = c.Method == http.MethodHead
	enc.now = h.now()
	enc.get(n, shown(c.Path), c.Recursive)
	enc.end()
	p.status = enc.status
	return nil
}

// get appends the answer to a GET of the node at a key.
func (e *encoder) get(n *store.Node, key string, recursive bool) {
	e.raw(`{"action":"get","node":{`)
	e.path = appendEscaped(e.path[:0], key)
	if key != "" {
		e.raw(`"key":"`)
		e.buf = append(e.buf, e.path...)
		e.raw(`",`)
	}
	e.node(n, true, recursive)
	e.raw("}\n")
}

// node appends a node behind its key, up to and with its closing brace. The children of a directory are in the order of
// their names, sorted asked for or not. Nothing is visited any more once the client has gone.
func (e *encoder) node(n *store.Node, list, recursive bool) {
	if n.Dir() {
		e.raw(`"dir":true`)
	} else {
		e.raw(`"value":"`)
		e.string(n.Value())
		e.raw(`"`)
	}
	e.expiration(n.Expiration())
	if n.Expiration() != 0 {
		e.ttl(store.RemainingTTL(n.Expiration(), e.now))
	}
	if list && n.Dir() {
		e.children(n, recursive)
	}
	e.indexes(n.Modified(), n.Created())
	e.raw("}")
	e.spill()
}

// children appends the visible children of a directory, and nothing if there are none.
func (e *encoder) children(n *store.Node, recursive bool) {
	separator := `,"nodes":[`
	above := len(e.path)
	for child := range n.Children() {
		if e.err != nil {
			break
		}
		if child.Hidden() {
			continue
		}
		e.raw(separator)
		separator = ","
		e.path = append(e.path, '/')
		e.path = appendEscaped(e.path, child.Name())
		e.raw(`{"key":"`)
		e.buf = append(e.buf, e.path...)
		e.raw(`",`)
		e.node(child, recursive, recursive)
		e.path = e.path[:above]
	}
	if separator == "," {
		e.raw("]")
	}
}
