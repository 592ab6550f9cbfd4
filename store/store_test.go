package store_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"pando/eventhistory"
	"pando/store"
)

func TestRemainingTTL(t *testing.T) {
	now := time.Unix(1_800_000_000, 500)
	for _, tt := range []struct {
		left time.Duration
		want int64
	}{
		{100 * time.Second, 100}, {99*time.Second + 1, 100}, {1, 1}, {0, 0},
		{-1, 0}, {-time.Second + 1, 0}, {-time.Second, -1}, {-17*time.Second - 5, -17},
	} {
		if got := store.RemainingTTL(now.Add(tt.left).UnixNano(), now); got != tt.want {
			t.Errorf("%v left: %d, want %d", tt.left, got, tt.want)
		}
	}
	// The difference does not fit, and stops at the ends of time.Duration.
	if got := store.RemainingTTL(math.MinInt64+1, now); got != -9223372036 {
		t.Errorf("in the year 1677: %d", got)
	}
}

// TestViewLookup: keys-api spec, section 6.
func TestViewLookup(t *testing.T) {
	s := store.New(store.Options{})
	apply(t, s, put("/1/a/f", "v"))
	for _, tt := range []struct {
		path, cause string
		code        int
	}{
		{"/1/a/f", "", 0}, {"/1/a/", "", 0}, {"/", "", 0},
		{"/1/a/b/c", "/1/a/b", 100}, {"/1/x/y/z", "/1/x", 100}, {"/3", "/3", 100},
		{"/1/a/f/x/y", "/1/a/f", 104},
	} {
		n, err := s.View().Lookup(tt.path)
		switch {
		case tt.code == 0 && (err != nil || n == nil):
			t.Errorf("%s: %v", tt.path, err)
		case tt.code != 0 && (err == nil || err.Code != tt.code || err.Cause != tt.cause || err.Index != 1):
			t.Errorf("%s: %+v, want %d %s", tt.path, err, tt.code, tt.cause)
		}
	}
}

// TestErrorTable: keys-api spec, section 11.
func TestErrorTable(t *testing.T) {
	for code, status := range map[int]int{
		100: 404, 101: 412, 102: 403, 104: 400, 105: 412, 107: 400, 108: 403, 110: 401, 201: 400, 202: 400, 203: 400,
		209: 400, 210: 400, 211: 400, 212: 400, 300: 500, 401: 400,
	} {
		if e := store.NewError(code, "cause", 1); e.Status() != status || e.Message == "" {
			t.Errorf("%v has status %d, want %d", e, e.Status(), status)
		}
	}
	if got := store.NewError(100, "/a", 7).Error(); got != "100: Key not found (/a)" {
		t.Error(got)
	}
	if got := (&store.Error{Code: 999, Message: "new"}); got.Status() != 400 || got.Error() != "999: new" {
		t.Error(got, got.Status())
	}
}

func TestWatch(t *testing.T) {
	s := store.New(store.Options{HistorySize: 3})
	for range 5 {
		apply(t, s, put("/1/a", "v"))
	}
	var refused *store.Error
	if _, err := s.Watch("/1/a", false, false, 2, nil); !errors.As(err, &refused) || refused.Code != 401 || refused.Index != 5 ||
		refused.Cause != "the requested history has been cleared [3/2]" {
		t.Errorf("a watch from 2: %v", err)
	}
	w, err := s.Watch("1//a/", false, false, 3, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if e := told(t, w); e == nil || e.Index() != 3 {
		t.Errorf("a watch from 3 got %+v", e)
	}
	if n := s.Stats().Watchers; n != 0 {
		t.Errorf("%d watchers, although the one has its event", n)
	}
	watch(t, s, "/1/b")
	if n := s.Stats().Watchers; n != 1 {
		t.Errorf("%d watchers", n)
	}
	s.StopWatches()
	if _, err := s.Watch("/1/a", false, false, 0, nil); !errors.Is(err, eventhistory.ErrStopped) {
		t.Errorf("a watch after the stop: %v", err)
	}
}

// TestViewCounts: reads are counted by those who answer them, and by nobody else.
func TestViewCounts(t *testing.T) {
	s := store.New(store.Options{})
	v := s.View()
	v.Lookup("/1/a")
	v.CountGet(false, true)
	v.CountGet(false, true)
	v.CountGet(true, false)
	if got := s.Stats(); got != (store.Stats{GetSuccess: 2, GetFail: 1}) {
		t.Errorf("%+v", got)
	}
}

// TestUnknownMethods change nothing, as in etcd 2.3.8.
func TestUnknownMethods(t *testing.T) {
	s := store.New(store.Options{})
	for _, method := range []string{store.MethodGet, store.MethodPando, "PATCH", ""} {
		if r := s.Apply(1, 1, store.Command{Method: method, Path: "/1/a"}); r.Err == nil || r.Err.Code != 300 || r.Event != nil {
			t.Errorf("%q: %+v", method, r)
		}
	}
	s.Publish(9, 2)
	if v := s.View(); v.Index != 0 || v.RaftIndex != 9 || v.RaftTerm != 2 || s.Stats() != (store.Stats{}) {
		t.Errorf("%+v, %+v", v, s.Stats())
	}
}

// TestPublish: what is applied is seen by nobody before.
func TestPublish(t *testing.T) {
	s := store.New(store.Options{})
	w := watch(t, s, "/1/a")
	s.Apply(1, 1, store.Command{Method: store.MethodPut, Path: "/1/a", Expiration: year2000 + 5})
	if _, err := s.View().Lookup("/1/a"); err == nil || s.View().Index != 0 || s.Hub().Len() != 0 {
		t.Error("a command was seen before Publish")
	}
	if _, ok := s.NextExpiration(); ok || told(t, w) != nil {
		t.Error("a command was told before Publish")
	}
	s.Publish(1, 1)
	s.Notify()
	if _, err := s.View().Lookup("/1/a"); err != nil || told(t, w) == nil {
		t.Error("a command was not seen after Publish")
	}
	if at, ok := s.NextExpiration(); !ok || at != year2000+5 {
		t.Errorf("due at %d, %v", at, ok)
	}
}
