package main

import (
	"net"
	"testing"

	"go.uber.org/zap"

	"pando/config"
)

func local(optional bool, address string) config.Listen {
	return config.Listen{URL: "http://" + address, Address: address, Optional: optional}
}

// A named port that somebody else has is an error, a default second port costs
// a warning.
func TestBusyPorts(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken := busy.Addr().String()
	if ls, err := listen([]config.Listen{local(false, "127.0.0.1:0"), local(false, taken)}, zap.NewNop()); err == nil {
		ls.close()
		t.Error("a named port that is busy is no error")
	}
	ls, err := listen([]config.Listen{local(false, "127.0.0.1:0"), local(true, taken)}, zap.NewNop())
	if err != nil {
		t.Fatalf("a default second port that is busy: %v", err)
	}
	if len(ls) != 1 {
		t.Errorf("%d listeners, want 1", len(ls))
	}
	ls.close()
	if ls, err := listen([]config.Listen{local(true, taken)}, zap.NewNop()); err == nil {
		ls.close()
		t.Error("a server without any port starts")
	}
}

// The limit holds over all listeners together, and a closed connection gives its
// slot back.
func TestConnectionLimitIsShared(t *testing.T) {
	ls, err := listen([]config.Listen{local(false, "127.0.0.1:0"), local(false, "127.0.0.1:0")}, zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer ls.close()
	ls.limit(1)
	dial := func(l net.Listener) net.Conn {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		return c
	}
	dial(ls[0])
	first, err := ls[0].Accept()
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan net.Conn)
	go func() {
		defer close(accepted)
		if c, err := ls[1].Accept(); err == nil {
			accepted <- c
		}
	}()
	dial(ls[1])
	select {
	case <-accepted:
		t.Fatal("a second connection is accepted over the other listener")
	default:
	}
	first.Close()
	first.Close() // gives back one slot, not two
	(<-accepted).Close()
}
