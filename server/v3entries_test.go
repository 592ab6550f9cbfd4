package server

import (
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"pando/store"
)

// v3Entry builds the record of an etcd 3 request: a header and one request.
func v3Entry(field protowire.Number, request []byte) []byte {
	header := protowire.AppendTag(nil, 1, protowire.VarintType)
	header = protowire.AppendVarint(header, 7)
	b := protowire.AppendTag(nil, field, protowire.BytesType)
	b = protowire.AppendBytes(b, request)
	b = protowire.AppendTag(b, v3HeaderField, protowire.BytesType)
	return protowire.AppendBytes(b, header)
}

func TestV3KindNamesEveryRequest(t *testing.T) {
	for field, want := range v3Fields {
		if kind, ok := v3Kind(v3Entry(field, []byte("x"))); !ok || kind != want {
			t.Errorf("field %d is %q, %v; want %q", field, kind, ok, want)
		}
	}
}

func TestV3KindRefusesWhatItDoesNotKnow(t *testing.T) {
	c := store.Command{ID: 1, Method: "PUT", Path: "/1/a", Val: "b"}
	for name, data := range map[string][]byte{
		"nothing":        nil,
		"garbage":        {0xff, 0xff, 0xff},
		"cut off":        v3Entry(4, []byte("put"))[:4],
		"unknown field":  v3Entry(77, []byte("x")),
		"two requests":   append(v3Entry(4, []byte("x")), v3Entry(5, []byte("y"))...),
		"a header alone": v3Entry(4, nil)[2:],
		"a v2 request":   c.Marshal(),
	} {
		if kind, ok := v3Kind(data); ok {
			t.Errorf("%s is taken for %q", name, kind)
		}
	}
}

// Whatever an entry holds, it is told apart without a panic.
func FuzzV3Kind(f *testing.F) {
	f.Add(v3Entry(4, []byte("put")))
	f.Add([]byte{0x22, 0x80})
	f.Fuzz(func(t *testing.T, data []byte) {
		if kind, ok := v3Kind(data); ok == (kind == "") {
			t.Errorf("kind %q with ok %v", kind, ok)
		}
	})
}
