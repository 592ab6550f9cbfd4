package server

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
	if tooMany(first) {
		t.Error("the first connection is refused")
	}
	dial(ls[1])
	second, err := ls[1].Accept()
	if err != nil || !tooMany(second) {
		t.Errorf("a second connection is let in over the other listener: %v", err)
	}
	first.Close()
	first.Close() // gives back one slot, not two
	for _, refused := range []bool{false, true} {
		dial(ls[1])
		c, err := ls[1].Accept()
		if err != nil || tooMany(c) != refused {
			t.Errorf("refused: %v, %v, want %v", tooMany(c), err, refused)
		}
	}
}

func tooMany(c net.Conn) bool { return c.(*limitedConn).Refused() }
