package conformance

import (
	"bytes"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

// answer is what came back of one step that is compared.
type answer struct {
	n       int
	st      *Step          // with the golden
	req     *Step          // whose request it answers; another one than st where that awaits
	replies []*reply       // one, or as many as the step reads from its connection
	tally   *tally         // of a fanout, which has no replies
	at      time.Time      // when it was taken
	floor   uint64         // the highest index that was known before
	early   *bool          // of an awaited step: its headers came at once
	elapsed *time.Duration // nil if it had not ended
}

func (r *run) answer(st, req *Step, x *rawhttp.Exchange, floor uint64) *answer {
	a := &answer{st: st, req: req, at: time.Now(), floor: floor}
	for _, one := range x.Replies() {
		a.replies = append(a.replies, read(one, st, req, r.scope.dir))
	}
	if x.Done() {
		took := x.Reply().DoneAt.Sub(x.Began)
		a.elapsed = &took
	}
	return a
}

// kind says what a body was read as; it is the name of the field that a golden has for it.
type kind string

const (
	isJSON   kind = "json"
	isEvents kind = "events" // of a stream: JSON documents, the last one perhaps cut
	isText   kind = "text"
	isHead   kind = "" // there is no body to compare
)

// reply is one answer with its body read.
type reply struct {
	rawhttp.Reply
	kind kind
	docs []any  // the document of isJSON, those of isEvents
	rest []byte // of isEvents: what follows them
	bad  error  // why a body that says it is JSON is not
}

// read reads the body: as events if the step waits for such or if it was cut off, else as what its header says.
func read(raw rawhttp.Reply, st, req *Step, dir string) *reply {
	r := &reply{Reply: raw, kind: isText}
	contentType, _ := raw.Get("content-type")
	switch {
	case st.Events > 0 || !raw.Complete && len(raw.Body) > 0:
		r.kind = isEvents
		r.docs, r.rest = ordered.Split(raw.Body)
	case strings.Contains(contentType, "json") && len(bytes.TrimSpace(raw.Body)) > 0:
		doc, err := ordered.Parse(raw.Body)
		if err != nil {
			r.bad = err
			break
		}
		if o, ok := doc.(ordered.Object); ok && req.RootFilter {
			doc = onlyBelow(dir, o)
		}
		r.kind, r.docs = isJSON, []any{doc}
	case req.Method == "HEAD":
		r.kind = isHead
	}
	return r
}

// onlyBelow leaves out of a listing what other cases have put there.
func onlyBelow(dir string, doc ordered.Object) ordered.Object {
	out := slices.Clone(doc)
	for i, f := range out {
		switch v := f.Value.(type) {
		case ordered.Object:
			if f.Name == "node" {
				out[i].Value = onlyBelow(dir, v)
			}
		case []any:
			if f.Name != "nodes" {
				continue
			}
			mine := slices.DeleteFunc(slices.Clone(v), func(n any) bool {
				return !strings.Contains(keyOf(n), dir)
			})
			if len(mine) == 0 {
				return slices.Delete(out, i, i+1)
			}
			out[i].Value = mine
		}
	}
	return out
}

// lastDocument is the last object of a body, empty if there is none.
func (r *reply) lastDocument() ordered.Object {
	docs := r.docs
	if r.kind != isJSON && r.kind != isEvents {
		return nil
	}
	if len(docs) == 0 {
		return nil
	}
	o, _ := docs[len(docs)-1].(ordered.Object)
	return o
}

// keyOf is the field key of a node.
func keyOf(node any) string {
	o, _ := node.(ordered.Object)
	v, _ := o.Get("key")
	key, _ := v.(string)
	return key
}

func isIndex(name string) bool { return name == "modifiedIndex" || name == "createdIndex" }

// index is a field that holds an index.
func index(o ordered.Object, name string) (uint64, bool) {
	v, _ := o.Get(name)
	return uintOf(v)
}

func uintOf(v any) (uint64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	u, err := strconv.ParseUint(n.String(), 10, 64)
	return u, err == nil
}

func intOf(v any) (int64, bool) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, false
	}
	i, err := n.Int64()
	return i, err == nil
}

// indexes are all modifiedIndex and createdIndex within a value.
func indexes(v any) iter.Seq[uint64] {
	return func(yield func(uint64) bool) { walk(v, yield) }
}

func walk(v any, yield func(uint64) bool) bool {
	switch v := v.(type) {
	case ordered.Object:
		for _, f := range v {
			if n, ok := uintOf(f.Value); ok && isIndex(f.Name) {
				if !yield(n) {
					return false
				}
			} else if !walk(f.Value, yield) {
				return false
			}
		}
	case []any:
		for _, x := range v {
			if !walk(x, yield) {
				return false
			}
		}
	}
	return true
}

// lines counts the complete lines of a body.
func lines(r rawhttp.Reply) int { return bytes.Count(r.Body, []byte("\n")) }

func number(n int) json.Number { return json.Number(strconv.Itoa(n)) }

func sortedKeys(m map[string]int) []string { return slices.Sorted(maps.Keys(m)) }
