package store

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"pando/test/fixtures"
)

func isJSON(doc []byte) bool { return json.Valid(doc) }

// Every snapshot that a real etcd wrote is read, and written again byte for byte.
func TestRealSnapshots(t *testing.T) {
	for _, archive := range []string{fixtures.Etcd238, fixtures.Etcd34, fixtures.Etcd35} {
		for _, v := range fixtures.Variants(t, fixtures.Unpack(t, archive)) {
			files, err := filepath.Glob(filepath.Join(v.Dir, "member", "snap", "*.snap"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				t.Run(fmt.Sprint(archive[:9], "/", v.Name, "/", filepath.Base(file)), func(t *testing.T) {
					want := storeJSON(t, file)
					s := New(Options{})
					mustRestore(t, s, want)
					if got := imageOf(t, s.Image()); !bytes.Equal(got, want) {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					checkServed(t, s)
				})
			}
		}
	}
}

// checkServed looks at what every fixture has: members, a version, a history without a gap.
func checkServed(t *testing.T, s *Store) {
	t.Helper()
	v := s.View()
	if len(v.Members()) != 1 || v.Members()[0].Name == "" || v.ClusterVersion() == "" {
		t.Errorf("members %v, version %q", v.Members(), v.ClusterVersion())
	}
	if s.Hub().Len() != int(v.Index) {
		t.Errorf("%d events at index %d", s.Hub().Len(), v.Index)
	}
}

// storeJSON returns the store JSON of a .snap file: a frame with a checksum around raft's snapshot (etcd-compat spec,
// section 5).
func storeJSON(t *testing.T, file string) []byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return protoField(t, protoField(t, b, 2), 1)
}

// protoField returns the bytes of a field of a protobuf message.
func protoField(t *testing.T, message []byte, number protowire.Number) []byte {
	t.Helper()
	for len(message) > 0 {
		n, kind, size := protowire.ConsumeTag(message)
		if size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		message = message[size:]
		if n == number {
			value, size := protowire.ConsumeBytes(message)
			if size < 0 {
				t.Fatal(protowire.ParseError(size))
			}
			return value
		}
		if size = protowire.ConsumeFieldValue(n, kind, message); size < 0 {
			t.Fatal(protowire.ParseError(size))
		}
		message = message[size:]
	}
	t.Fatalf("no field %d", number)
	return nil
}
