package transport

import (
	"bytes"
	"crypto/tls"
	"net"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/test/certs"
	"pando/tlsconfig"
)

// secured has a certificate for a member.
func secured(t *testing.T) *tlsconfig.Source {
	t.Helper()
	authority := certs.NewAuthority(t, "members")
	own := authority.Sign(t, certs.Leaf{Name: "member"})
	source, err := tlsconfig.Load(tlsconfig.Options{
		Port: "peer", CertFile: own.Cert, KeyFile: own.Key, TrustedCAFile: authority.File, ClientCertAuth: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	return source
}

// encrypted are two members with TLS, of which the second one has asked the first one for its presence.
func encrypted(t *testing.T) (a, b *node) {
	t.Helper()
	certificates := secured(t)
	a = startSecured(t, 1, testCluster, "127.0.0.1:0", certificates)
	b = startSecured(t, 2, testCluster, "127.0.0.1:0", certificates)
	a.connect(b)
	b.connect(a)
	b.SetKind(1, Pando)
	b.awaitPresence(1, 1)
	return a, b
}

// presenceOf is the stream of a presence that is held.
func (n *node) presenceOf(id uint64) *stream {
	n.held.mu.RLock()
	defer n.held.mu.RUnlock()
	return n.held.own[id].stream
}

// TestEncryptedPresence carries messages, and ends when its member is removed or either end stops.
func TestEncryptedPresence(t *testing.T) {
	for name, end := range map[string]func(a, b *node){
		"removed": func(a, _ *node) { a.h.remove(2); a.RemovePeer(2) },
		"stopped": func(a, _ *node) { a.Stop() },
	} {
		t.Run(name, func(t *testing.T) {
			a, b := encrypted(t)
			if _, secure := a.presenceOf(2).conn.(*tls.Conn); !secure {
				t.Fatal("it is not encrypted")
			}
			if !a.held.send(heartbeat(1, 2, 3)) {
				t.Fatal("no room")
			}
			receive(t, "a message", b.h.inbox)
			end(a, b)
			if id := receive(t, "the end of the presence", b.broken); id != 1 {
				t.Errorf("the connection to %d broke", id)
			}
			await(t, "nothing to be held", func() bool {
				a.held.mu.RLock()
				defer a.held.mu.RUnlock()
				return len(a.held.own) == 0
			})
		})
	}
	a, b := encrypted(t)
	b.Stop()
	await(t, "its end to be noticed", func() bool { return !a.held.send(heartbeat(1, 2, 3)) })
}

// TestEncryptedStreamEndsAtOnce, although there is no room to say goodbye to a peer that does not read: Send waits for that.
func TestEncryptedStreamEndsAtOnce(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	certificates := secured(t)
	dialled := make(chan *tls.Conn, 1)
	go func() {
		defer close(dialled)
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Error(err)
			return
		}
		config := certificates.Client()
		config.ServerName = "127.0.0.1"
		peer := tls.Client(c, config)
		if err := peer.Handshake(); err != nil {
			t.Error(err)
		}
		dialled <- peer
	}()
	c, err := NewListener(l).Accept()
	if err != nil {
		t.Fatal(err)
	}
	own := tls.Server(c, certificates.Server())
	if err := own.Handshake(); err != nil {
		t.Fatal(err)
	}
	if peer := <-dialled; peer != nil {
		defer peer.NetConn().Close()
	}
	s := newStream(own, nil)
	for tcp, full := below(s.raw), 0; full < 3; { // past TLS: the peer never sees it
		n, err := tcp.WriteNow(bytes.Repeat([]byte("x"), 64<<10))
		if err != nil {
			t.Fatal(err)
		}
		if full++; n > 0 {
			full = 0
		}
	}
	began := time.Now()
	s.end()
	if took := time.Since(began); took > time.Second {
		t.Errorf("it took %v", took)
	}
	if s.send(&raftpb.Message{}) {
		t.Error("there is room in what has ended")
	}
}
