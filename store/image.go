package store

import (
	"encoding/json"
	"io"
	"strconv"
	"unicode/utf8"

	"pando/eventhistory"
	"pando/tree"
)

// Image is a published state in the form that etcd writes into its snapshots (etcd-compat spec, section 5):
//
//	{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{…}},
//	 "WatcherHub":{"EventHistory":{"Queue":{"Events":[…],"Size":6,"Front":0,"Back":6,"Capacity":1000},
//	  "StartIndex":1,"LastIndex":6}},
//	 "CurrentIndex":6,"Stats":{"getsSuccess":0,…},"CurrentVersion":2}
//
// JSON cannot hold bytes that are not UTF-8; etcd writes U+FFFD for each of them, and so does an Image. Where it has to,
// it adds what the bytes really are, in base64, as a field that etcd passes over: PandoName and PandoValue in a node,
// pandoKey and pandoValue in the node of an event.
//
// An Image holds on to the state and not to the store. Any goroutine may use it, as often and as long as it likes.
type Image struct {
	root     *tree.Node
	index    uint64
	events   []*eventhistory.Event
	capacity int
	stats    Stats
}

// storeVersion is the CurrentVersion of every snapshot that there is.
const storeVersion = 2

// Image returns the published state. Any goroutine may call it. The counters are those of this moment: only the apply
// goroutine, between two batches, gets the ones that belong to the state.
func (s *Store) Image() *Image {
	v := s.View()
	i := &Image{root: v.Root(), index: v.Index, capacity: s.hub.Capacity(), stats: s.stats.load()}
	for _, e := range s.hub.Events() {
		if e.Index() <= v.Index { // more may have been published since
			i.events = append(i.events, e)
		}
	}
	return i
}

// WriteTo writes the image as JSON, the same bytes each time. Its memory does not grow with the store.
func (i *Image) WriteTo(to io.Writer) (int64, error) {
	w := &imageWriter{to: to, buf: make([]byte, 0, imageBuffer+imagePiece)}
	w.raw(`{"Root":`)
	w.node(i.root)
	w.history(i)
	w.raw(`,"CurrentIndex":`)
	w.number(i.index)
	stats, err := json.Marshal(i.stats)
	if err != nil {
		return w.written, err
	}
	w.raw(`,"Stats":`)
	w.raw(string(stats))
	w.raw(`,"CurrentVersion":`)
	w.number(storeVersion)
	w.raw(`}`)
	w.flush()
	return w.written, w.err
}

// imageBuffer is when the buffer is written out, imagePiece what may be put into it at a time.
const (
	imageBuffer = 32 << 10
	imagePiece  = 4 << 10
)

// imageWriter writes JSON through a buffer. After the first error of the writer below it writes nothing more.
type imageWriter struct {
	to      io.Writer
	buf     []byte
	path    []byte // of the node at hand, escaped; empty for the root
	written int64
	err     error
}

// node writes a node with everything below it. The path of its parent is in w.path.
func (w *imageWriter) node(n *tree.Node) {
	if w.err != nil {
		return
	}
	above := len(w.path)
	w.raw(`{"Path":"`)
	if above == 0 && n.Name() == "" {
		w.raw(`/`)
	} else {
		w.path = appendEscaped(append(w.path, '/'), n.Name())
		w.bytes(w.path)
	}
	w.raw(`","CreatedIndex":`)
	w.number(n.Created())
	w.raw(`,"ModifiedIndex":`)
	w.number(n.Modified())
	w.raw(`,"ExpireTime":`)
	w.time(n.Expiration())
	w.raw(`,"Value":"`)
	w.text(n.Value())
	w.raw(`","Children":`)
	w.children(n)
	w.exact(`,"PandoName":`, n.Name())
	w.exact(`,"PandoValue":`, n.Value())
	w.raw(`}`)
	w.path = w.path[:above]
	w.flushFull()
}

// children writes those of a directory, and null for a file: that is how etcd tells them apart.
func (w *imageWriter) children(n *tree.Node) {
	if !n.Dir() {
		w.raw(`null`)
		return
	}
	open := `{"`
	for child := range n.Children() {
		w.raw(open)
		w.text(child.Name())
		w.raw(`":`)
		w.node(child)
		if w.err != nil {
			return
		}
		open = `,"`
	}
	if open == `{"` {
		w.raw(`{`)
	}
	w.raw(`}`)
}

// exact writes a field with the bytes of s if they are not UTF-8.
func (w *imageWriter) exact(field, s string) {
	if !utf8.ValidString(s) {
		w.raw(field)
		w.base64(s)
	}
}

func (w *imageWriter) number(n uint64) { w.buf = strconv.AppendUint(w.buf, n, 10) }
