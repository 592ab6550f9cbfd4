package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"
)

// The whole form, in a small example (etcd-compat spec, section 5).
func TestImageForm(t *testing.T) {
	s := imageStore(4)
	due := imageClock.Add(time.Hour).UnixNano()
	applyAll(s,
		Command{Method: MethodPut, Path: "/1/a", Val: "<1>", Expiration: due},
		Command{Method: MethodPut, Path: "/1/a", Expiration: due + 100, PrevExist: boolean(true), Refresh: boolean(true)},
		Command{Method: MethodPut, Path: "/1/e", Dir: true},
	)
	want := `{"Root":{"Path":"/","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{` +
		`"0":{"Path":"/0","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}},` +
		`"1":{"Path":"/1","CreatedIndex":0,"ModifiedIndex":0,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{` +
		`"a":{"Path":"/1/a","CreatedIndex":1,"ModifiedIndex":2,"ExpireTime":"2026-11-24T13:00:00.123456889Z","Value":"\u003c1\u003e","Children":null},` +
		`"e":{"Path":"/1/e","CreatedIndex":3,"ModifiedIndex":3,"ExpireTime":"0001-01-01T00:00:00Z","Value":"","Children":{}}}}}},` +
		`"WatcherHub":{"EventHistory":{"Queue":{"Events":[` +
		`{"action":"set","node":{"key":"/1/a","value":"\u003c1\u003e","expiration":"2026-11-24T13:00:00.123456789Z","ttl":3600,"modifiedIndex":1,"createdIndex":1}},` +
		`{"action":"update","node":{"key":"/1/a","value":"\u003c1\u003e","expiration":"2026-11-24T13:00:00.123456889Z","ttl":3601,"modifiedIndex":2,"createdIndex":1},` +
		`"prevNode":{"key":"/1/a","value":"\u003c1\u003e","expiration":"2026-11-24T13:00:00.123456789Z","ttl":3600,"modifiedIndex":1,"createdIndex":1},"refresh":true},` +
		`{"action":"set","node":{"key":"/1/e","dir":true,"modifiedIndex":3,"createdIndex":3}},null],` +
		`"Size":3,"Front":0,"Back":3,"Capacity":4},"StartIndex":1,"LastIndex":3}},"CurrentIndex":3,` +
		`"Stats":{"getsSuccess":0,"getsFail":0,"setsSuccess":2,"setsFail":0,"deleteSuccess":0,"deleteFail":0,"updateSuccess":1,"updateFail":0,` +
		`"createSuccess":0,"createFail":0,"compareAndSwapSuccess":0,"compareAndSwapFail":0,"compareAndDeleteSuccess":0,` +
		`"compareAndDeleteFail":0,"expireCount":0,"watchers":0},"CurrentVersion":2}`
	if got := string(imageOf(t, s.Image())); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	applyAll(s, putKey("/e/x", ""), putKey("/e/x", "")) // the ring turns: full, and begins anew at slot 0
	if got := string(imageOf(t, s.Image())); !strings.Contains(got, `"Size":4,"Front":0,"Back":0,"Capacity":4},"StartIndex":2,"LastIndex":5}}`) {
		t.Errorf("a full ring: %s", got)
	}
}

// The types that etcd decodes a snapshot into, in the order in which it writes them.
type (
	etcdStore struct {
		Root       *etcdNode
		WatcherHub struct {
			EventHistory struct {
				Queue struct {
					Events                      []*etcdEvent
					Size, Front, Back, Capacity int
				}
				StartIndex, LastIndex uint64
			}
		}
		CurrentIndex   uint64
		Stats          Stats
		CurrentVersion int
	}
	etcdNode struct {
		Path                        string
		CreatedIndex, ModifiedIndex uint64
		ExpireTime                  time.Time
		Value                       string
		Children                    map[string]*etcdNode
	}
	etcdEvent struct {
		Action   string        `json:"action"`
		Node     *etcdExternal `json:"node,omitempty"`
		PrevNode *etcdExternal `json:"prevNode,omitempty"`
		Refresh  bool          `json:"refresh,omitempty"`
	}
	etcdExternal struct {
		Key           string     `json:"key,omitempty"`
		Value         *string    `json:"value,omitempty"`
		Dir           bool       `json:"dir,omitempty"`
		Expiration    *time.Time `json:"expiration,omitempty"`
		TTL           int64      `json:"ttl,omitempty"`
		ModifiedIndex uint64     `json:"modifiedIndex,omitempty"`
		CreatedIndex  uint64     `json:"createdIndex,omitempty"`
	}
)

// encoding/json, which etcd uses, reads an image and writes the very same bytes again.
func TestImageIsWhatEncodingJSONWrites(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	s := imageStore(50)
	applyAll(s, randomCommands(rand.New(rand.NewPCG(seed, 0)), 400, imageNames)...)
	image := imageOf(t, s.Image())
	var doc etcdStore
	if err := json.Unmarshal(image, &doc); err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	again, err := json.Marshal(doc)
	if err != nil || !bytes.Equal(again, image) {
		t.Errorf("seed %d: %v, got\n%s\nwant\n%s", seed, err, image, again)
	}
}

// Long values leave in pieces; no piece cuts a character, and each byte that is none is still one U+FFFD.
func TestLongText(t *testing.T) {
	for _, unit := range []string{"a", "é", "☃", "\U0001F600", "\x80", "\xff☃", "\xf0\x9f", "a\x80\x80\x80\x80\x80", "\u2028<"} {
		for shift := range 5 {
			s := imageStore(1)
			value := strings.Repeat("x", shift) + strings.Repeat(unit, 3*imageBuffer/len(unit))
			applyAll(s, putKey("/a", value))
			image := imageOf(t, s.Image())
			want, err := json.Marshal(value)
			if err != nil {
				t.Fatal(err)
			}
			if n := bytes.Count(image, want); n != 2 {
				t.Fatalf("%q after %d bytes: found %d times, not in the tree and the history", unit, shift, n)
			}
			restored := imageStore(1)
			mustRestore(t, restored, image)
			if n, err := restored.View().Lookup("/1/a"); err != nil || n.Value() != value {
				t.Fatalf("%q after %d bytes: another value came back", unit, shift)
			}
		}
	}
}

// An image stays what it was when it was taken, and is the same each time.
func TestImageDoesNotChange(t *testing.T) {
	s := imageStore(10)
	applyAll(s, putKey("/a", "1"), putKey("/b", "2"))
	i := s.Image()
	before := imageOf(t, i)
	applyAll(s, putKey("/a", "3"), Command{Method: MethodDelete, Path: "/1/b"})
	s.View().CountGet(false, true)
	if after := imageOf(t, i); !bytes.Equal(before, after) {
		t.Errorf("was %s\nis %s", before, after)
	}
}

// What was applied and not published is in no image.
func TestImageIsOfThePublishedState(t *testing.T) {
	s := imageStore(10)
	applyAll(s, putKey("/a", "1"))
	s.Apply(2, 1, putKey("/a", "unpublished"))
	if image := imageOf(t, s.Image()); bytes.Contains(image, []byte("unpublished")) {
		t.Errorf("%s", image)
	}
}

// Images that are taken while writes go on are each of one moment: tree, index and history agree.
func TestImageBesideWrites(t *testing.T) {
	const writes = 3000
	s := imageStore(writes)
	var writing sync.WaitGroup
	writing.Go(func() {
		for i := range writes {
			s.Apply(uint64(i), 1, putKey("/k", fmt.Sprint(i+1)))
			s.Publish(uint64(i), 1)
		}
	})
	defer writing.Wait()
	for last := uint64(0); last < writes; {
		i := s.Image()
		if n := len(i.events); uint64(n) != i.index || n > 0 && i.events[n-1].Index() != i.index {
			t.Fatalf("index %d with %d events", i.index, n)
		}
		if n, _ := i.root.Lookup("/1/k"); i.index > 0 && n.Value() != fmt.Sprint(i.index) {
			t.Fatalf("index %d with the value %s", i.index, n.Value())
		}
		last = i.index
	}
}

// The memory of WriteTo does not grow with the store.
func TestImageIsStreamed(t *testing.T) {
	perRun := func(keys int) float64 {
		s := imageStore(1000)
		for i := range keys {
			s.Apply(uint64(i), 1, putKey(fmt.Sprintf("/dir%d/%d", i%10, i), "value"))
		}
		s.Publish(1, 1)
		i := s.Image()
		return testing.AllocsPerRun(3, func() { _, _ = i.WriteTo(io.Discard) })
	}
	if few, many := perRun(100), perRun(20_000); many > few+10 {
		t.Errorf("%v allocations for 100 keys, %v for 20000", few, many)
	}
}

var errDiskFull = errors.New("no space left")

// limitedWriter takes n bytes and no more.
type limitedWriter int

func (l *limitedWriter) Write(p []byte) (int, error) {
	if n := int(*l); n < len(p) {
		*l = 0
		return n, errDiskFull
	}
	*l -= limitedWriter(len(p))
	return len(p), nil
}

func TestImageReportsWriteErrors(t *testing.T) {
	s := imageStore(10)
	for i := range 3000 {
		s.Apply(1, 1, putKey(fmt.Sprint("/", i), "v"))
	}
	s.Publish(1, 1)
	size := len(imageOf(t, s.Image()))
	for _, space := range []int{0, 1, imageBuffer, size / 2, size - 1} {
		l := limitedWriter(space)
		if n, err := s.Image().WriteTo(&l); !errors.Is(err, errDiskFull) || n != int64(space) {
			t.Errorf("space for %d: wrote %d, %v", space, n, err)
		}
	}
}

func BenchmarkImage(b *testing.B) {
	s := benchStore(b)
	i := s.Image()
	size, _ := i.WriteTo(io.Discard)
	b.SetBytes(size)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := i.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchKeys, "ns/key")
}

const benchKeys = 100_000

// benchStore holds keys of 100 bytes, a thousand to a directory.
func benchStore(b *testing.B) *Store {
	s := New(Options{})
	for i := range benchKeys {
		s.Apply(uint64(i), 1, putKey(fmt.Sprintf("/bench/%03d/key-%06d", i/1000, i), strings.Repeat("v", 100)))
	}
	s.Publish(benchKeys, 1)
	return s
}

// TestPlainPart compares eight bytes at a time with one at a time.
func TestPlainPart(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for range 200_000 {
		b := make([]byte, rng.IntN(40))
		for i := range b {
			if b[i] = byte('a' + rng.IntN(26)); rng.IntN(20) == 0 {
				b[i] = byte(rng.IntN(256))
			}
		}
		want := 0
		for want < len(b) && plain[b[want]] {
			want++
		}
		if n := PlainPart(string(b)); n != want {
			t.Fatalf("%q: %d, want %d", b, n, want)
		}
	}
}
