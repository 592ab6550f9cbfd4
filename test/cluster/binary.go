package cluster

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pando/test/server"
)

// BinaryEnv names a real etcd that the tests are to be pointed at instead of Pando.
const BinaryEnv = "PANDO_TEST_CLUSTER_BINARY"

// Kind is whose rules a member lives by, where they differ.
type Kind int

const (
	Pando Kind = iota // lives by the spec
	Etcd2             // etcd 2.3
	Etcd3             // etcd 3.x with --enable-v2
)

func (k Kind) String() string { return [...]string{"Pando", "etcd 2", "etcd 3"}[k] }

// Binary is what members are started from.
type Binary struct {
	Path string // "" is Pando as package server builds it
	Kind Kind
}

// Etcd238Env names the binary of a real etcd 2.3.8 for clusters of it and Pando.
const Etcd238Env = "PANDO_TEST_ETCD238"

// Chosen is the binary that BinaryEnv names, or Pando.
func Chosen(t testing.TB) Binary {
	t.Helper()
	return At(t, os.Getenv(BinaryEnv))
}

// At asks a binary what it is; "" is Pando.
func At(t testing.TB, path string) Binary {
	t.Helper()
	b := Binary{Path: path}
	if path == "" {
		server.Build(t) // now, and not while a time is measured
		return b
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		t.Fatalf("%s --version: %v\n%s", path, err, out)
	}
	switch text := string(out); {
	case strings.HasPrefix(text, "etcd Version: 2."):
		b.Kind = Etcd2
	case strings.HasPrefix(text, "etcd Version: 3."):
		b.Kind = Etcd3
	}
	return b
}

// args are the flags that the binary needs to serve the v2 API.
func (b Binary) args() []string {
	if b.Kind == Etcd3 {
		return []string{"--enable-v2"}
	}
	return nil
}
