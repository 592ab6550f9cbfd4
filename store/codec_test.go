package store_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"pando/store"
)

// TestMarshalAsEtcd holds the bytes to what etcd 2.3.8 writes for the same Requests.
func TestMarshalAsEtcd(t *testing.T) {
	yes, no := true, false
	for _, tt := range []struct {
		name, want string
		command    store.Command
	}{
		{"zero", "080012001a0022002800320038004800500058006000680070007800800100", store.Command{}},
		{"put", "08ac0212035055541a042f312f6b220176280132023c3e38074001480150015803600168017001780580010188010" + "0", store.Command{
			ID: 300, Method: "PUT", Path: "/1/k", Val: "v", Dir: true, PrevValue: "<>", PrevIndex: 7, PrevExist: &yes,
			Expiration: 1, Wait: true, Since: 3, Recursive: true, Sorted: true, Quorum: true, Time: 5, Stream: true, Refresh: &no}},
		{"negative time", "0801120453594e431a002200280032003800480050005800600068007000" + "78ffffffffffffffffff01800100", store.Command{
			ID: 1, Method: "SYNC", Time: -1}},
	} {
		if got := hex.EncodeToString(tt.command.Marshal()); got != tt.want {
			t.Errorf("%s:\n got %s\nwant %s", tt.name, got, tt.want)
		}
	}
}

func TestMarshalRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := genCommand(t, 1000)
		c.ID, c.Since, c.Wait = rapid.Uint64().Draw(t, "id"), rapid.Uint64().Draw(t, "since"), rapid.Bool().Draw(t, "wait")
		c.Expiration, c.Val = rapid.Int64().Draw(t, "expiration"), string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		got, err := store.Unmarshal(c.Marshal())
		if err != nil || !reflect.DeepEqual(got, c) {
			t.Fatalf("%+v came back as %+v, %v", c, got, err)
		}
	})
}

// field appends a field of the given number to a valid command.
func field(method string, n protowire.Number) []byte {
	c := store.Command{Method: method, Path: "/1/a"}
	return protowire.AppendVarint(protowire.AppendTag(c.Marshal(), n, protowire.VarintType), 1)
}

func TestUnmarshalRefuses(t *testing.T) {
	v3put := protowire.AppendBytes(protowire.AppendTag(nil, 100, protowire.BytesType), []byte{8, 1})
	v3put = protowire.AppendBytes(protowire.AppendTag(v3put, 4, protowire.BytesType), []byte("\x0a\x01k\x12\x01v"))
	valid := (&store.Command{Method: "PUT", Path: "/1/abc"}).Marshal()
	for _, tt := range []struct {
		name string
		data []byte
		want error
	}{
		{"nothing", nil, store.ErrNotCommand},
		{"no method", (&store.Command{Path: "/1/a"}).Marshal(), store.ErrNotCommand},
		{"a method that there is not", (&store.Command{Method: "PATCH"}).Marshal(), store.ErrNotCommand},
		{"cut short", valid[:20], store.ErrNotCommand},
		{"no protobuf", []byte("\xff\xff\xff\xff"), store.ErrNotCommand},
		{"a v3 put", v3put, store.ErrNotCommand},
		{"a header as v3 requests have", field("PUT", 100), store.ErrNotCommand},
		{"another kind of field", protowire.AppendFixed64(protowire.AppendTag(valid, 1, protowire.Fixed64Type), 1), store.ErrNotCommand},
		{"a string for a number", protowire.AppendString(protowire.AppendTag(valid, 7, protowire.BytesType), "1"), store.ErrNotCommand},
		{"a number for a string", field("PUT", 3), store.ErrNotCommand},
		{"one number too high", field("PUT", 18), store.ErrNotCommand},
		{"our numbers, below", field("PUT", 511), store.ErrNotCommand},
		{"our numbers, first", field("PUT", 512), store.ErrUnknownField},
		{"our numbers, last", field("SYNC", 999), store.ErrUnknownField},
		{"our numbers, above", field("PUT", 1000), store.ErrNotCommand},
		{"our numbers with our method", field("PANDO", 512), nil},
	} {
		if _, err := store.Unmarshal(tt.data); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
}

// TestUnmarshalTakesSparseFields: other writers leave out what is zero, and the last of several fields counts.
func TestUnmarshalTakesSparseFields(t *testing.T) {
	data := []byte("\x12\x03PUT\x1a\x02/1\x1a\x02/2\x28\x02")
	got, err := store.Unmarshal(data)
	if err != nil || !reflect.DeepEqual(got, store.Command{Method: "PUT", Path: "/2", Dir: true}) {
		t.Errorf("%+v, %v", got, err)
	}
}

// FuzzUnmarshal: whatever is accepted can be applied and written, and then reads the same.
func FuzzUnmarshal(f *testing.F) {
	yes := true
	f.Add((&store.Command{ID: 1, Method: "PUT", Path: "/1/a", Val: "v", PrevExist: &yes, Refresh: &yes}).Marshal())
	f.Add((&store.Command{Method: "POST", Path: "1//b/../c", Expiration: -1}).Marshal())
	f.Add((&store.Command{Method: "SYNC", Time: 1 << 62}).Marshal())
	f.Add((&store.Command{Method: "PUT", Path: "/0/members/1f/attributes", Val: "{"}).Marshal())
	f.Add(field("PANDO", 600))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := store.Unmarshal(data)
		if err != nil {
			return
		}
		encoded := c.Marshal()
		again, err := store.Unmarshal(encoded)
		if err != nil || !bytes.Equal(again.Marshal(), encoded) {
			t.Errorf("%+v came back as %+v, %v", c, again, err)
		}
		s := store.New(store.Options{})
		for range 2 {
			if r := s.Apply(1, 1, c); r.Err != nil && r.Event != nil {
				t.Errorf("%+v gave an event and an error", c)
			}
			s.Publish(1, 1)
		}
	})
}

func TestLightCommands(t *testing.T) {
	for method, light := range map[string]bool{
		store.MethodPut: true, store.MethodPost: true, store.MethodQGet: true, store.MethodDelete: false, store.MethodSync: false, store.MethodPando: false,
	} {
		c := store.Command{ID: 1 << 60, Method: method, Path: "/1/a"}
		data := c.Marshal()
		if store.Light(data) != light {
			t.Errorf("%s: light %t", method, !light)
		}
		for n := range data[:12] {
			store.Light(data[:n]) // does not panic
		}
	}
	if store.Light(nil) || store.Light([]byte("nonsense")) {
		t.Error("what is no command is light")
	}
}
