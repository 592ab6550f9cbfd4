package server

import (
	"testing"
)

func TestBoundURL(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "",
		"INFO starting\n":               "",
		serving + "http://127.0.0.1:12": "", // the rest of the number may still come
		"x\nINFO " + serving + "http://127.0.0.1:123\nmore\n":        "http://127.0.0.1:123",
		`{"msg":"` + serving + `http://127.0.0.1:123","n":1}` + "\n": "http://127.0.0.1:123",
		serving + "https://[::1]:9 {\"id\": 1}\n":                    "https://[::1]:9",
	} {
		if got, ok := boundURL([]byte(text)); got != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", text, got, ok)
		}
	}
}

func TestLogKeepsTheEnd(t *testing.T) {
	l := newLog()
	for range 3 {
		if n, err := l.Write(make([]byte, keptLog)); n != keptLog || err != nil {
			t.Fatal(n, err)
		}
	}
	if _, err := l.Write([]byte(serving + "http://127.0.0.1:1\nend")); err != nil {
		t.Fatal(err)
	}
	if s := l.String(); len(s) != keptLog || s[len(s)-3:] != "end" {
		t.Errorf("kept %d bytes, %q at the end", len(s), s[len(s)-3:])
	}
	if got := <-l.bound; got != "http://127.0.0.1:1" {
		t.Errorf("bound to %q", got)
	}
}

// The process helpers are tried on the etcd that is installed.
func TestLifecycle(t *testing.T) {
	const etcd = "/usr/bin/etcd"
	s := Start(t, Options{Binary: etcd, Args: []string{"--enable-v2"}})
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	again := Start(t, Options{Binary: etcd, Dir: s.Dir, Args: []string{"--enable-v2"}})
	again.Kill()
	if err := again.Stop(); err == nil {
		t.Error("killed, and Stop took it for a stop")
	}
	if err := Launch(t, Options{Binary: etcd, Args: []string{"--no-such-flag"}}).Wait(patience); err == nil {
		t.Error("a bad flag ended with status 0")
	}
	if err := Launch(t, Options{Binary: etcd, Args: []string{"--no-such-flag"}}).Ready(patience); err == nil {
		t.Error("ready with a bad flag")
	}
}
