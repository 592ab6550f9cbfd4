package cluster

import (
	"net"
	"os"
	"testing"
)

// TestOwner: a connection of this process is this process's, and nobody's when only others are asked about.
func TestOwner(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	dialled, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer dialled.Close()
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer accepted.Close()
	if n := owner(accepted, []int{0, os.Getpid()}); n != 1 {
		t.Errorf("process %d instead of 1", n)
	}
	if n := owner(accepted, []int{0, os.Getppid()}); n != -1 {
		t.Errorf("process %d instead of none", n)
	}
}
