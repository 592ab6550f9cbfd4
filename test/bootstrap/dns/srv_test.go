package dns

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/miekg/dns"

	"pando/test/certs"
	"pando/test/fault/keys"
	"pando/test/server"
)

const patience = 30 * time.Second

// zone is what the name server knows, by question: "TYPE name.".
type zone struct {
	mu      sync.Mutex
	records map[string][]string
	asked   []string
}

// serve starts a name server on the namespace's port 53. One test at a time.
func serve(t *testing.T, records map[string][]string) *zone {
	t.Helper()
	z := &zone{records: records}
	started := make(chan struct{})
	s := &dns.Server{Addr: "127.0.0.1:53", Net: "udp", Handler: z, NotifyStartedFunc: func() { close(started) }}
	ended := make(chan error, 1)
	go func() { ended <- s.ListenAndServe() }()
	select {
	case <-started:
	case err := <-ended:
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Shutdown(); err != nil {
			t.Error(err)
		}
		<-ended
	})
	return z
}

func (z *zone) ServeDNS(w dns.ResponseWriter, q *dns.Msg) {
	z.mu.Lock()
	defer z.mu.Unlock()
	question := dns.TypeToString[q.Question[0].Qtype] + " " + q.Question[0].Name
	z.asked = append(z.asked, question)
	m := new(dns.Msg)
	m.SetReply(q)
	for _, text := range z.records[question] {
		r, err := dns.NewRR(q.Question[0].Name + " 0 IN " + dns.TypeToString[q.Question[0].Qtype] + " " + text)
		if err != nil {
			panic(err)
		}
		m.Answer = append(m.Answer, r)
	}
	if len(m.Answer) == 0 && !strings.Contains(question, ".pando.test.") {
		m.Rcode = dns.RcodeNameError
	}
	_ = w.WriteMsg(m) // nobody waits for it any more
}

func (z *zone) wasAsked(question string) bool {
	z.mu.Lock()
	defer z.mu.Unlock()
	for _, q := range z.asked {
		if q == question {
			return true
		}
	}
	return false
}

func (z *zone) add(question, text string) {
	z.mu.Lock()
	defer z.mu.Unlock()
	z.records[question] = append(z.records[question], text)
}

// post sends JSON, which has to be answered with 201.
func post(url, body string) error {
	resp, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		return errors.New(resp.Status)
	}
	return nil
}

// await tries until there is no error.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	server.Await(t, what, patience, try)
}

func port(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }

// srv is a record's text for one of the addresses.
func srv(host, addr string) string { return "0 0 " + port(addr) + " " + host }

// member starts a process that finds its cluster in DNS; its peer URL is a name.
func member(t *testing.T, name, host, peer string, args ...string) *server.Server {
	t.Helper()
	return server.Launch(t, server.Options{
		Name: name, Client: server.FreeAddr(t), Peer: peer, Bootstrap: []string{"--discovery-srv", "example.test"},
		Args: append([]string{"--initial-advertise-peer-urls", "http://" + host + ":" + port(peer)}, args...),
	})
}

func ends(t *testing.T, n *server.Server, text string) {
	t.Helper()
	err := n.Wait(patience)
	if err == nil || err.Error() != "exit status 1" || !strings.Contains(n.Log(), text) {
		t.Errorf("%v instead of exit status 1 and %q:\n%s", err, text, n.Log())
	}
}

func members(t *testing.T, n *server.Server) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := keys.New(n.Endpoint, 1)
	defer c.Close()
	a, err := c.Do(ctx, "GET", "/v2/members", nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(a.Body)
}

// Three members and a proxy find each other by SRV records; names keep no dot at their end.
func TestCluster(t *testing.T) {
	peers := []string{server.FreeAddr(t), server.FreeAddr(t), server.FreeAddr(t)}
	records := map[string][]string{}
	for i, p := range peers {
		host := fmt.Sprintf("node%d.pando.test.", i+1)
		records["SRV _etcd-server._tcp.example.test."] = append(records["SRV _etcd-server._tcp.example.test."], srv(host, p))
		records["A "+host] = []string{"127.0.0.1"}
	}
	z := serve(t, records)
	all := []*server.Server{}
	for i, p := range peers {
		// Names like the numbers that the others get.
		all = append(all, member(t, strconv.Itoa(i), fmt.Sprintf("node%d.pando.test", i+1), p))
	}
	all = append(all, member(t, "proxy", "node9.pando.test", server.FreeAddr(t), "--proxy", "on"))
	for _, n := range all {
		if err := n.Ready(patience); err != nil {
			t.Fatalf("%v\n%s", err, n.Log())
		}
	}
	if !z.wasAsked("SRV _etcd-server-ssl._tcp.example.test.") {
		t.Error("the records of the other kind were not asked for")
	}
	c := keys.New(all[0].Endpoint, 1)
	defer c.Close()
	if a, err := c.Do(t.Context(), "PUT", keys.Path("/a"), keys.Form("value", "1")); err != nil || !a.OK() {
		t.Fatal(a, err)
	}
	fourth := server.FreeAddr(t)
	peers = append(peers, fourth)
	z.add("SRV _etcd-server._tcp.example.test.", srv("node4.pando.test.", fourth))
	z.add("A node4.pando.test.", "127.0.0.1")
	await(t, "a member more", func() error {
		return post(all[0].Endpoint+"/v2/members", fmt.Sprintf(`{"peerURLs":["http://node4.pando.test:%s"]}`, port(fourth)))
	})
	all = append(all, member(t, "new", "node4.pando.test", fourth, "--initial-cluster-state", "existing"))
	if err := all[4].Ready(patience); err != nil {
		t.Fatalf("%v\n%s", err, all[4].Log())
	}
	for _, n := range all {
		c := keys.New(n.Endpoint, 1)
		defer c.Close()
		if a, err := c.Do(t.Context(), "GET", keys.Path("/a", "quorum", "true"), nil); err != nil || a.Node.Value != "1" {
			t.Error(a, err)
		}
		for i, p := range peers {
			if url := fmt.Sprintf(`"http://node%d.pando.test:%s"`, i+1, port(p)); !strings.Contains(members(t, n), url) {
				t.Errorf("%s is not among %s", url, members(t, n))
			}
		}
	}
}

// The records of the other kind are for members that speak TLS.
func TestSecureCluster(t *testing.T) {
	ca := certs.NewAuthority(t, "ca")
	records := map[string][]string{}
	var peers []string
	for i := range 3 {
		host := fmt.Sprintf("node%d.pando.test.", i+1)
		peers = append(peers, server.FreeAddr(t))
		records["SRV _etcd-server-ssl._tcp.example.test."] = append(records["SRV _etcd-server-ssl._tcp.example.test."], srv(host, peers[i]))
		records["A "+host] = []string{"127.0.0.1"}
	}
	serve(t, records)
	var all []*server.Server
	for i, peer := range peers {
		host := fmt.Sprintf("node%d.pando.test", i+1)
		pair := ca.Sign(t, certs.Leaf{Name: host, Hosts: []string{host}})
		all = append(all, server.Launch(t, server.Options{
			Name: fmt.Sprint("n", i), Client: server.FreeAddr(t), Peer: peer, PeerTLS: true, Bootstrap: []string{"--discovery-srv", "example.test"},
			Args: []string{"--initial-advertise-peer-urls", "https://" + host + ":" + port(peer), "--peer-cert-file", pair.Cert,
				"--peer-key-file", pair.Key, "--peer-trusted-ca-file", ca.File, "--peer-client-cert-auth"},
		}))
	}
	for _, n := range all {
		if err := n.Ready(patience); err != nil {
			t.Fatalf("%v\n%s", err, n.Log())
		}
		for i, p := range peers {
			if url := fmt.Sprintf(`"https://node%d.pando.test:%s"`, i+1, port(p)); !strings.Contains(members(t, n), url) {
				t.Errorf("%s is not among %s", url, members(t, n))
			}
		}
	}
}

// The service's name may have a suffix; a target that has no address is left out; the own address may be a number, and is the
// record's name for the others.
func TestSuffixAndDeadTarget(t *testing.T) {
	peer := server.FreeAddr(t)
	serve(t, map[string][]string{
		"SRV _etcd-server-blue._tcp.example.test.": {srv("node1.pando.test.", peer), srv("nowhere.example.test.", peer)},
		"A node1.pando.test.":                      {"127.0.0.1"},
	})
	n := member(t, "n", "127.0.0.1", peer, "--discovery-srv-name", "blue")
	if err := n.Ready(patience); err != nil {
		t.Fatal(err, n.Log())
	}
	if url := `"http://node1.pando.test:` + port(peer) + `"`; !strings.Contains(members(t, n), url) {
		t.Errorf("%s is not among %s", url, members(t, n))
	}
	if !strings.Contains(n.Log(), "couldn't resolve host nowhere.example.test:"+port(peer)) {
		t.Errorf("nothing is said of the target without an address:\n%s", n.Log())
	}
}

// What stops a member (server spec, section 4).
func TestRefused(t *testing.T) {
	peer, other := server.FreeAddr(t), server.FreeAddr(t)
	const plain, secure = "SRV _etcd-server._tcp.example.test.", "SRV _etcd-server-ssl._tcp.example.test."
	address := []string{"127.0.0.1"}
	for name, c := range map[string]struct {
		records map[string][]string
		host    string
		says    string
	}{
		"no records": {map[string][]string{"A node1.pando.test.": address}, "node1.pando.test",
			"too many errors querying DNS SRV records"},
		"own entry missing": {map[string][]string{"A node1.pando.test.": address, plain: {srv("node1.pando.test.", other)}}, "node1.pando.test",
			`cannot find local etcd member \"n\" in SRV records`},
		"own host unknown": {map[string][]string{plain: {srv("node1.pando.test.", peer)}, "A node1.pando.test.": address}, "unknown.example.test",
			"couldn't resolve an own peer URL during SRV discovery"},
		"in both kinds": {map[string][]string{plain: {srv("node1.pando.test.", peer)}, secure: {srv("node1.pando.test.", peer)}, "A node1.pando.test.": address},
			"node1.pando.test", "--initial-cluster must include"},
	} {
		t.Run(name, func(t *testing.T) {
			serve(t, c.records)
			ends(t, member(t, "n", c.host, peer), c.says)
		})
	}
}
