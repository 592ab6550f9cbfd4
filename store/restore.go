package store

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"fmt"
	"io"

	"pando/tree"
)

// Restore replaces the whole state by the one that r holds: Prepare, and what it returns, in one step. On an error the store
// is as it was.
func (s *Store) Restore(r io.Reader) error {
	install, err := s.Prepare(r)
	if err != nil {
		return err
	}
	install()
	return nil
}

// Prepare reads a state: store JSON as etcd 2.3, 3.4 and 3.5 write it, or an Image. It is read as a stream, to its end. An error
// names the byte and what is wrong there. Any goroutine may call it, for the store does not change before install is called.
// Only the apply goroutine calls that, between batches; Publish and Notify, which it calls next, show the new state.
func (s *Store) Prepare(r io.Reader) (install func(), err error) {
	state, err := decodeImage(r)
	if err != nil {
		return nil, fmt.Errorf("store snapshot: %w", err)
	}
	state.prepare()
	return func() { s.install(state) }, nil
}

func decodeImage(r io.Reader) (restored, error) {
	d := newDecoder(r)
	var state restored
	version := uint64(0)
	for d.open('{'); d.field(); {
		switch string(d.token) {
		case "Root":
			state.root = d.node(0)
		case "WatcherHub":
			d.history(&state)
		case "CurrentIndex":
			state.index = d.uint()
		case "Stats":
			d.stats(&state.stats)
		case "CurrentVersion":
			version = d.uint()
		default:
			d.skip()
		}
	}
	d.end()
	d.checkImage(&state, version)
	state.expiring = d.expiring
	return state, d.err
}

// checkImage refuses a document that is JSON but no state that a server can serve.
func (d *decoder) checkImage(state *restored, version uint64) {
	switch {
	case d.err != nil:
	case version != storeVersion:
		d.fail("CurrentVersion is %d, want %d", version, storeVersion)
	case state.root == nil || !state.root.Dir():
		d.fail("Root is no directory")
	default:
		for _, path := range []string{clusterPrefix, keysPrefix} {
			if n := state.root.Child(path[1:]); n == nil || !n.Dir() {
				d.fail("there is no directory %s", path)
			}
		}
	}
}

// node reads a node with everything below it. Its name is texts[at:]. Its own Path is passed over: name and place say the same.
func (d *decoder) node(at int) *tree.Node {
	var attr tree.Attr
	var exactName, exactValue string
	var draft *tree.Draft
	behind := len(d.texts)
	dir := false
	if d.plainHead(&attr) && d.plainTail() {
		return tree.NewFileFrom(d.texts[at:], behind-at, attr)
	}
	for d.field() {
		switch string(d.token) {
		case "CreatedIndex":
			attr.Created = d.uint()
		case "ModifiedIndex":
			attr.Modified = d.uint()
		case "ExpireTime":
			attr.Expiration = d.time()
			d.expiring = d.expiring || attr.Expiration != 0
		case "Value":
			d.text()
			d.texts = append(d.texts[:behind], d.token...)
		case "Children":
			if d.null() {
				break
			}
			if dir {
				d.fail("two lists of children")
			}
			dir, draft = true, tree.NewDraft()
			d.children(draft)
		case "PandoName":
			exactName = d.exact()
			d.checkName([]byte(exactName))
		case "PandoValue":
			exactValue = d.exact()
		default:
			d.skip()
		}
	}
	text, size := d.texts[at:], behind-at
	if exactName != "" || exactValue != "" {
		name, value := cmp.Or(exactName, string(text[:size])), cmp.Or(exactValue, string(text[size:]))
		text, size = []byte(name+value), len(name)
	}
	if dir {
		return draft.Finish(string(text[:size]), attr)
	}
	return tree.NewFileFrom(text, size, attr)
}

func (d *decoder) children(parent *tree.Draft) {
	at := len(d.texts)
	for d.open('{'); d.field(); {
		d.checkName(d.token)
		d.texts = append(d.texts[:at], d.token...)
		if child := d.node(at); d.err == nil {
			parent.Add(child)
		}
	}
	d.texts = d.texts[:at]
}

// checkName refuses names that no path leads to.
func (d *decoder) checkName(name []byte) {
	if len(name) == 0 || bytes.IndexByte(name, '/') >= 0 {
		d.fail("%.40q is no name of a node", name)
	}
}

// exact reads bytes that are not UTF-8: see Image.
func (d *decoder) exact() string {
	d.text()
	decoded := make([]byte, base64.StdEncoding.DecodedLen(len(d.token)))
	n, err := base64.StdEncoding.Decode(decoded, d.token)
	if err != nil {
		d.fail("%v", err)
	}
	return string(decoded[:n])
}

func (d *decoder) stats(s *Stats) {
	counters := s.byName()
	for d.open('{'); d.field(); {
		if c := counters[string(d.token)]; c != nil {
			*c = d.uint()
		} else {
			d.skip()
		}
	}
}

// byName gives the counters under their names in etcd's JSON.
func (s *Stats) byName() map[string]*uint64 {
	return map[string]*uint64{
		"getsSuccess": &s.GetSuccess, "getsFail": &s.GetFail,
		"setsSuccess": &s.SetSuccess, "setsFail": &s.SetFail,
		"deleteSuccess": &s.DeleteSuccess, "deleteFail": &s.DeleteFail,
		"updateSuccess": &s.UpdateSuccess, "updateFail": &s.UpdateFail,
		"createSuccess": &s.CreateSuccess, "createFail": &s.CreateFail,
		"compareAndSwapSuccess": &s.CompareAndSwapSuccess, "compareAndSwapFail": &s.CompareAndSwapFail,
		"compareAndDeleteSuccess": &s.CompareAndDeleteSuccess, "compareAndDeleteFail": &s.CompareAndDeleteFail,
		"expireCount": &s.ExpireCount,
	}
}
