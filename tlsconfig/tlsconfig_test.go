package tlsconfig

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"pando/test/certs"
)

// look makes the next handshake look at the files.
func (s *Source) look() {
	s.pair.next.Store(0)
	if s.pool != nil {
		s.pool.next.Store(0)
	}
}

// served is the serial number of the certificate that is shown now.
func served(t *testing.T, s *Source) string {
	t.Helper()
	s.look()
	c, err := s.Server().GetConfigForClient(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Certificates[0].Leaf.SerialNumber.String()
}

func load(t *testing.T, o Options) (*Source, *observer.ObservedLogs) {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	o.Logger = zap.New(core)
	s, err := Load(o)
	if err != nil {
		t.Fatal(err)
	}
	return s, logs
}

// TestFollowsFiles: whole pairs only, each change logged once, whatever the time stamps say.
func TestFollowsFiles(t *testing.T) {
	ca := certs.NewAuthority(t, "ca")
	files, second, third := ca.Sign(t, certs.Leaf{}), ca.Sign(t, certs.Leaf{}), ca.Sign(t, certs.Leaf{})
	s, logs := load(t, Options{Port: "client", CertFile: files.Cert, KeyFile: files.Key})
	serial := func(p certs.Pair) string { return p.TLS.Leaf.SerialNumber.String() }
	step := func(what, want string, warnings, infos int) {
		t.Helper()
		for range 3 {
			if got := served(t, s); got != want {
				t.Errorf("%s: serial %s, want %s", what, got, want)
			}
		}
		if w, i := logs.FilterLevelExact(zap.WarnLevel).Len(), logs.FilterLevelExact(zap.InfoLevel).Len(); w != warnings || i != infos {
			t.Errorf("%s: %d warnings and %d infos in all, want %d and %d: %v", what, w, i, warnings, infos, logs.All())
		}
	}
	step("as loaded", serial(files), 0, 0)
	certs.Copy(t, files.Cert, second.Cert)
	step("certificate alone", serial(files), 1, 0)
	certs.Copy(t, files.Key, second.Key)
	step("both", serial(second), 1, 1)
	now := time.Now()
	if err := os.Chtimes(files.Key, now, now.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	step("touched", serial(second), 1, 1)
	if err := os.Remove(files.Key); err != nil {
		t.Fatal(err)
	}
	step("removed", serial(second), 2, 1)
	certs.Copy(t, files.Key, second.Key)
	step("back again", serial(second), 2, 2)

	// Written in place, with the time and the size of the old one.
	for _, path := range [][2]string{{files.Cert, third.Cert}, {files.Key, third.Key}} {
		text, err := os.ReadFile(path[1])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path[0], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	step("written in place", serial(third), 2, 3)
}

// TestTornBundle: of a bundle that is being written, what is there already does not count.
func TestTornBundle(t *testing.T) {
	one, two := certs.NewAuthority(t, "one"), certs.NewAuthority(t, "two")
	files := one.Sign(t, certs.Leaf{})
	s, logs := load(t, Options{Port: "client", CertFile: files.Cert, KeyFile: files.Key, TrustedCAFile: one.File})
	before := s.authorities()
	var whole []byte
	for _, ca := range []*certs.Authority{two, one} {
		text, err := os.ReadFile(ca.File)
		if err != nil {
			t.Fatal(err)
		}
		whole = append(whole, text...)
	}
	for n := len(whole) - 3; n > len(whole)/2+30; n -= 100 {
		certs.Write(t, one.File, whole[:n])
		s.look()
		if s.authorities() != before {
			t.Fatalf("%d of %d bytes of a bundle were taken", n, len(whole))
		}
	}
	certs.Write(t, one.File, whole)
	s.look()
	if s.authorities() == before {
		t.Errorf("the whole bundle was not taken: %v", logs.All())
	}
}

// TestLooksSeldom: within a second nobody looks, and settled files are not read.
func TestLooksSeldom(t *testing.T) {
	ca := certs.NewAuthority(t, "ca")
	files := ca.Sign(t, certs.Leaf{})
	past := time.Now().Add(-time.Hour)
	for _, path := range []string{files.Cert, files.Key} {
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
	}
	s, _ := load(t, Options{Port: "client", CertFile: files.Cert, KeyFile: files.Key})
	reads := 0
	parse := s.pair.parse
	s.pair.parse = func(contents [][]byte) (*tls.Certificate, error) { reads++; return parse(contents) }
	first := served(t, s)
	if reads != 0 {
		t.Errorf("files that did not change were read %d times", reads)
	}
	second := ca.Sign(t, certs.Leaf{})
	certs.Copy(t, files.Cert, second.Cert)
	certs.Copy(t, files.Key, second.Key)
	if c, err := s.Server().GetConfigForClient(nil); err != nil || c.Certificates[0].Leaf.SerialNumber.String() != first {
		t.Errorf("the files were looked at twice within a second, or %v", err)
	}
}

// TestRemarks: what others may find wrong is said at the start.
func TestRemarks(t *testing.T) {
	ca, other := certs.NewAuthority(t, "ca"), certs.NewAuthority(t, "other")
	now := time.Now()
	open := ca.Sign(t, certs.Leaf{})
	if err := os.Chmod(open.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		port string
		pair certs.Pair
		says []string
	}{
		{"peer", ca.Sign(t, certs.Leaf{}), nil},
		{"peer", ca.Sign(t, certs.Leaf{NotAfter: now.Add(-time.Minute)}), []string{"has expired"}},
		{"peer", ca.Sign(t, certs.Leaf{NotBefore: now.Add(time.Hour)}), []string{"is not valid yet"}},
		{"peer", ca.Sign(t, certs.Leaf{Hosts: []string{"10.0.0.1"}}), []string{"does not name the host"}},
		{"client", ca.Sign(t, certs.Leaf{NoHosts: true}), []string{"does not name the host"}},
		{"peer", other.Sign(t, certs.Leaf{}), []string{"is signed by no authority"}},
		{"client", other.Sign(t, certs.Leaf{}), nil},
		{"client", open, []string{"everybody on this machine can read the key"}},
	} {
		_, logs := load(t, Options{Port: c.port, CertFile: c.pair.Cert, KeyFile: c.pair.Key, TrustedCAFile: ca.File, Hosts: []string{"127.0.0.1"}})
		var said []string
		for _, l := range logs.All() {
			said = append(said, l.Message)
		}
		for i, want := range c.says {
			if len(said) != len(c.says) || !strings.Contains(said[i], want) {
				t.Errorf("said %q, want %q", said, c.says)
			}
		}
		if len(c.says) == 0 && len(said) > 0 {
			t.Errorf("said %q about a good one", said)
		}
	}
}

// TestSeldom: the same thing once a minute, and not more things than can be remembered.
func TestSeldom(t *testing.T) {
	var s seldom
	now := time.Now()
	if !s.now("a", now) || s.now("a", now.Add(again/2)) || !s.now("a", now.Add(again)) {
		t.Error("the same thing is not logged once a minute")
	}
	logged := 0
	for i := range 10 * maxSeldom {
		if s.now(fmt.Sprint(i), now.Add(again)) {
			logged++
		}
	}
	if logged != maxSeldom-1 || len(s.last) > maxSeldom {
		t.Errorf("%d things are logged, %d remembered", logged, len(s.last))
	}
	if !s.now("b", now.Add(2*again)) {
		t.Error("what is long past takes the room of what is new")
	}
}

// TestNoAdvice: connections that end without a handshake are nobody's business.
func TestNoAdvice(t *testing.T) {
	for _, err := range []error{io.EOF, net.ErrClosed, os.ErrDeadlineExceeded, errors.New("read: connection reset by peer")} {
		if got := advise(err); got != "" {
			t.Errorf("%v: %s", err, got)
		}
	}
}

// TestUnreadable: whose permission is missing. (Root, who may run the tests, may read everything.)
func TestUnreadable(t *testing.T) {
	err := file{"key-file", "k.pem"}.unreadable(&fs.PathError{Op: "open", Path: "k.pem", Err: syscall.EACCES})
	want := fmt.Sprintf("--key-file k.pem: permission denied: it must be readable for uid %d, which pando runs as", os.Geteuid())
	if err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}
