package tls

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"

	"pando/test/certs"
	"pando/test/server"
)

// shows returns the serial number of the certificate that a new connection is shown.
func shows(address string, config *tls.Config) (string, error) {
	conn, err := tls.Dial("tcp", address, config)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// TestExchange replaces a server's certificate, key and authorities while a watch is open: piece by piece, by broken files and
// by good ones. No handshake fails meanwhile, and the watch goes on.
func TestExchange(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	pair := a.ca.Sign(t, certs.Leaf{Name: "first"}) // files that are going to change
	bundle := t.TempDir() + "/bundle.pem"
	certs.Copy(t, bundle, a.ca.File)
	config := trusting(a.ca, a.good)
	s := server.Start(t, server.Options{Client: server.FreeAddr(t), TLS: config, Args: []string{
		"--cert-file", pair.Cert, "--key-file", pair.Key, "--trusted-ca-file", bundle, "--client-cert-auth"}})
	address := strings.TrimPrefix(s.Endpoint, "https://")
	serial := func() string {
		t.Helper()
		got, err := shows(address, config)
		if err != nil {
			t.Fatalf("a handshake failed: %v", err)
		}
		return got
	}
	// until has new connections made until the server has logged a text.
	until := func(text string) {
		t.Helper()
		await(t, text, func() error {
			serial()
			if !strings.Contains(s.Log(), text) {
				return fmt.Errorf("not logged")
			}
			return nil
		})
	}
	first := serial()

	watch, err := client(config).Get(s.Endpoint + "/v2/keys/w?wait=true&stream=true")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Body.Close()
	lines := bufio.NewScanner(watch.Body)

	quiet := hammer(t, address, config)
	second := a.ca.Sign(t, certs.Leaf{Name: "second"})
	certs.Copy(t, pair.Key, second.Key) // the moment between
	until("--key-file " + pair.Key + ": is not the key of the certificate in --cert-file")
	if serial() != first {
		t.Error("the pair has changed with the key alone")
	}
	certs.Copy(t, pair.Cert, second.Cert)
	until(`"subject": "CN=second"`)
	if got := serial(); got != second.TLS.Leaf.SerialNumber.String() {
		t.Errorf("serial %s, want the second pair's", got)
	}

	certs.Write(t, pair.Cert, []byte("half a certif"))
	until("holds no PEM block of a certificate")
	if err := os.Remove(pair.Key); err != nil {
		t.Fatal(err)
	}
	until("no such file or directory")
	if got := serial(); got != second.TLS.Leaf.SerialNumber.String() {
		t.Errorf("serial %s after broken files, want the second pair's", got)
	}
	for _, text := range []string{"is not the key of", "half", "no such file or directory"} {
		if n := strings.Count(s.Log(), text); n > 1 {
			t.Errorf("%q was logged %d times", text, n)
		}
	}

	quiet()

	// The authorities are exchanged: whom a client is signed by counts from the next connection on.
	if got := outcome(t, s.Endpoint+"/version", trusting(a.ca, a.stranger)); got != "alert" {
		t.Errorf("a stranger: %s", got)
	}
	certs.Write(t, bundle, nil)
	until("the new authorities of the client port cannot be used, the old ones stay")
	certs.Copy(t, bundle, a.other.File)
	await(t, "the new authorities", func() error {
		if got := outcome(t, s.Endpoint+"/version", trusting(a.ca, a.stranger)); got != "200" {
			return fmt.Errorf("%s", got)
		}
		return nil
	})
	if got := outcome(t, s.Endpoint+"/version", config); got != "alert" {
		t.Errorf("a client of the authority that is not trusted any more: %s", got)
	}

	if err := put(client(trusting(a.ca, a.stranger)), s.Endpoint, "w", "still"); err != nil {
		t.Fatal(err)
	}
	if !lines.Scan() || !strings.Contains(lines.Text(), `"value":"still"`) {
		t.Errorf("the watch got %q, %v", lines.Text(), lines.Err())
	}
}

// hammer makes connections, one after the other, none of which may fail, until the function that it returns is called.
func hammer(t *testing.T, address string, config *tls.Config) (stop func()) {
	done := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() {
		for made := 0; ; made++ {
			select {
			case <-done:
				t.Logf("%d connections were made meanwhile", made)
				return
			default:
			}
			if _, err := shows(address, config); err != nil {
				t.Errorf("connection %d: %v", made, err)
				return
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); running.Wait() })
	t.Cleanup(stop)
	return stop
}

// TestExchangeInCluster moves three members, one file after the other, from one authority to another, while clients write and
// watch; at the end one member after the other is started anew, so that every connection is made with what is new.
func TestExchangeInCluster(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	pairs, bundles := make([]certs.Pair, 3), make([]string, 3)
	c := newCluster(t, func(i int) []string {
		pairs[i] = a.ca.Sign(t, certs.Leaf{Name: fmt.Sprintf("old%d", i)})
		bundles[i] = fmt.Sprintf("%s/ca.pem", t.TempDir())
		certs.Copy(t, bundles[i], a.ca.File)
		return peerFlags(pairs[i], "--peer-trusted-ca-file", bundles[i], "--peer-client-cert-auth")
	})
	c.ready(0, 1, 2)

	watch, err := http.Get(c.members[1].Endpoint + "/v2/keys/w?wait=true")
	if err != nil {
		t.Fatal(err)
	}
	defer watch.Body.Close()

	both := append(read(t, a.ca.File), read(t, a.other.File)...)
	for i := range 3 {
		certs.Write(t, bundles[i], both)
		c.handshakes(i, "new authorities of the peer port are trusted from now on", trusting(a.ca, pairs[i]))
	}
	for i := range 3 {
		fresh := a.other.Sign(t, certs.Leaf{Name: fmt.Sprintf("new%d", i)})
		certs.Copy(t, pairs[i].Cert, fresh.Cert)
		certs.Copy(t, pairs[i].Key, fresh.Key)
		config := trusting(a.ca, pairs[i])
		config.RootCAs.AppendCertsFromPEM(read(t, a.other.File))
		c.handshakes(i, fmt.Sprintf(`"subject": "CN=new%d"`, i), config)
		pairs[i].TLS = fresh.TLS
	}
	for i := range 3 {
		certs.Copy(t, bundles[i], a.other.File)
	}
	if err := put(client(nil), c.members[0].Endpoint, "w", "1"); err != nil {
		t.Fatal(err)
	}
	if line := bufio.NewScanner(watch.Body); !line.Scan() || !strings.Contains(line.Text(), `"value":"1"`) {
		t.Errorf("the watch got %q", line.Text())
	}
	for i := range 3 {
		c.restart(i)
		c.ready(i)
	}
	for i := range 3 {
		if err := put(client(nil), c.members[i].Endpoint, "k", fmt.Sprint(i)); err != nil {
			t.Errorf("m%d: %v", i, err)
		}
		if got := outcome(t, c.members[i].Peer+"/members", trusting(a.other, a.good)); got != "alert" {
			t.Errorf("m%d: a client of the old authority: %s", i, got)
		}
	}
}

// handshakes makes connections to a member's peer port until it has logged a text. None of them may fail.
func (c *cluster) handshakes(i int, text string, config *tls.Config) {
	c.t.Helper()
	await(c.t, text, func() error {
		if _, err := shows(c.options[i].Peer, config); err != nil {
			c.t.Fatalf("a handshake with m%d failed: %v", i, err)
		}
		if !strings.Contains(c.members[i].Log(), text) {
			return fmt.Errorf("not logged by m%d", i)
		}
		return nil
	})
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
