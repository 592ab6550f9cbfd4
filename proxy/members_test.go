package proxy

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"pando/fsys"
)

// await waits for a condition.
func await(t *testing.T, what string, holds func() bool) {
	t.Helper()
	late := time.After(10 * time.Second)
	next := time.NewTicker(5 * time.Millisecond)
	defer next.Stop()
	for !holds() {
		select {
		case <-next.C:
		case <-late:
			t.Fatal(what)
		}
	}
}

func urlsOf(p *Proxy) string {
	var all []string
	for _, e := range p.endpoints.available() {
		all = append(all, e.text)
	}
	slices.Sort(all)
	return strings.Join(all, " ")
}

func inFile(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "proxy", "cluster"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return string(text)
}

// follow starts a proxy that looks often.
func follow(t *testing.T, dir string, c *cluster, first ...string) *Proxy {
	t.Helper()
	p, err := New(t.Context(), Config{
		FS: fsys.OS, DataDir: dir, Ask: c.ask, Logger: zap.NewNop(), FailureWait: time.Minute, RefreshInterval: time.Millisecond,
		Bootstrap: func(context.Context) ([]string, error) { return first, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	<-p.looked
	return p
}

// Members come and go until none of the first is left; then nobody answers, and nothing is forgotten, not over a restart
// either.
func TestMembersAreFollowed(t *testing.T) {
	list := func(from, to int) *Cluster {
		c := Cluster{ID: 1}
		for i := from; i <= to; i++ {
			c.PeerURLs = append(c.PeerURLs, fmt.Sprintf("http://p%d", i))
			c.ClientURLs = append(c.ClientURLs, fmt.Sprintf("http://c%d", i))
		}
		return &c
	}
	c := &cluster{says: map[string]Cluster{}}
	dir := t.TempDir()
	p := follow(t, dir, c, "http://p1", "http://p2", "http://p3")
	if got := urlsOf(p); got != "" {
		t.Errorf("nobody has answered, and the endpoints are %s", got)
	}
	for first := 1; first <= 4; first++ {
		for i := first; i <= first+2; i++ {
			c.set(fmt.Sprintf("http://p%d", i), list(first, first+2))
		}
		c.set(fmt.Sprintf("http://p%d", first-1), nil)
		want := strings.Join(list(first, first+2).ClientURLs, " ")
		await(t, want, func() bool { return urlsOf(p) == want })
	}
	want := `{"PeerURLs":["http://p4","http://p5","http://p6"]}`
	await(t, want, func() bool { return inFile(t, dir) == want })
	if info, err := os.Stat(filepath.Join(dir, "proxy", "cluster")); err != nil || info.Mode() != 0o600 {
		t.Error(info, err)
	}

	for i := 4; i <= 6; i++ {
		c.set(fmt.Sprintf("http://p%d", i), &Cluster{ID: 1}) // an empty list
	}
	p.refreshed(t)
	if got := urlsOf(p); got != "http://c4 http://c5 http://c6" {
		t.Errorf("an empty list was taken over: %s", got)
	}
	p.Close()

	again := follow(t, dir, &cluster{says: map[string]Cluster{"http://p6": *list(4, 6)}}, "http://nobody")
	if got := urlsOf(again); got != "http://c4 http://c5 http://c6" {
		t.Errorf("after a restart: %q", got)
	}
}

// refreshed waits for two more looks at the members.
func (p *Proxy) refreshed(t *testing.T) {
	t.Helper()
	for range 2 {
		p.hurry <- struct{}{}
		await(t, "a look at the members", func() bool { return len(p.hurry) == 0 })
	}
}

// One that was removed and still runs, or another cluster that took over its address, does not win.
func TestMostVotesWin(t *testing.T) {
	real := Cluster{ID: 1, PeerURLs: []string{"b", "c"}, ClientURLs: []string{"http://b"}}
	old := Cluster{ID: 1, PeerURLs: []string{"a", "b", "c"}, ClientURLs: []string{"http://a"}}
	other := Cluster{ID: 2, PeerURLs: []string{"a"}, ClientURLs: []string{"http://z"}}
	p := &Proxy{id: 1}
	for name, c := range map[string]struct {
		replies []reply
		want    string
	}{
		"majority":        {[]reply{{Cluster: old}, {Cluster: real}, {Cluster: real}}, "http://b"},
		"other cluster":   {[]reply{{Cluster: other}, {Cluster: real}, {Cluster: real}}, "http://b"},
		"known before":    {[]reply{{Cluster: other}, {Cluster: real}}, "http://b"},
		"no other answer": {[]reply{{err: errors.New("x")}, {Cluster: other}}, "http://z"},
	} {
		got, err := p.mostSay(c.replies)
		if err != nil || got.ClientURLs[0] != c.want {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := p.mostSay([]reply{{err: errors.New("x")}}); err == nil {
		t.Error("nobody answered, and somebody won")
	}
}

// What was known keeps its place and its rest.
func TestEndpointsKeepTheirPlace(t *testing.T) {
	var e endpoints
	e.replace([]string{"http://a", "http://b", "http://c"})
	first := e.available()
	e.rest(first[1], time.Minute)
	e.replace([]string{"http://d", "http://c", "http://b", "http://a", "http://a", "://", "x"})
	got := e.available()
	if len(got) != 3 || got[0] != first[0] || got[1] != first[2] || got[2].text != "http://d" {
		t.Errorf("%v after %v", got, first)
	}
}

// A file that is damaged is not taken for none, and a disk that refuses costs nothing but the file.
func TestFile(t *testing.T) {
	for _, text := range []string{"", "{", "{}", `{"PeerURLs":[]}`, `{"PeerURLs":7}`} {
		dir := t.TempDir()
		c := newClusterFile(fsys.OS, dir)
		if err := c.makeDir(); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(c.name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := New(t.Context(), Config{FS: fsys.OS, DataDir: dir, Logger: zap.NewNop()})
		if err == nil || !strings.Contains(err.Error(), c.name) {
			t.Errorf("%q: %v", text, err)
		}
	}

	dir := t.TempDir()
	disk, err := fsys.NewFaulty(fsys.OS, dir)
	if err != nil {
		t.Fatal(err)
	}
	c := newClusterFile(disk, dir)
	if err := errors.Join(c.makeDir(), c.save([]string{"http://a"})); err != nil {
		t.Fatal(err)
	}
	disk.OnCall(func(call fsys.Call) fsys.Fault {
		if call.Kind == fsys.Write {
			return fsys.Fault{Err: syscall.ENOSPC, Short: 3}
		}
		return fsys.Fault{}
	})
	if err := c.save([]string{"http://b"}); !errors.Is(err, syscall.ENOSPC) {
		t.Error(err)
	}
	disk.OnCall(nil)
	to := t.TempDir()
	if err := disk.Crash(to, func() bool { return false }); err != nil {
		t.Fatal(err)
	}
	urls, found, err := newClusterFile(fsys.OS, to).load()
	if err != nil || !found || !slices.Equal(urls, []string{"http://a"}) {
		t.Errorf("after a power cut: %v, %v, %v", urls, found, err)
	}
}
