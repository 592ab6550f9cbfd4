package config

import "testing"

// TestIDs: ids that real etcds computed. The first is in the documentation of etcd 2.3 (server spec, section 3), the others
// are in the log of a cluster of etcd 2.3.8.
func TestIDs(t *testing.T) {
	for _, c := range []struct {
		peers []string
		token string
		want  uint64
	}{
		{[]string{"http://localhost:2380", "http://localhost:7001"}, "etcd-cluster", 0xce2a822cea30bfca},
		{[]string{"http://localhost:7001", "http://localhost:2380"}, "etcd-cluster", 0xce2a822cea30bfca},
		{[]string{"http://localhost:2380"}, "etcd-cluster", 0x8e9e05c52164694d},
		{[]string{"http://127.0.0.1:23101"}, "fixture", 0x50ba5060abbc4839},
		{[]string{"http://127.0.0.1:23311"}, "cl", 0x9abb1576558c3ca2},
	} {
		if got := MemberID(c.peers, c.token); got != c.want {
			t.Errorf("%q, %q: %x, want %x", c.peers, c.token, got, c.want)
		}
	}
	for _, c := range []struct {
		members []uint64
		want    uint64
	}{
		{[]uint64{0xce2a822cea30bfca}, 0x7e27652122e8b2ae},
		{[]uint64{0x50ba5060abbc4839}, 0xc2b03513a149e5c3},
		{[]uint64{14821949424915450211, 11149528900471372962, 12862776045874708677}, 0xd1fc5b54a089cf39},
	} {
		if got := ClusterID(c.members); got != c.want {
			t.Errorf("%x: %x, want %x", c.members, got, c.want)
		}
	}
}

// TestMemberContext has the bytes of an etcd 2.3.8's log.
func TestMemberContext(t *testing.T) {
	want := `{"id":5817050244830742585,"peerURLs":["http://127.0.0.1:23101"],"name":"node0"}`
	if got := string(MemberContext(5817050244830742585, "node0", []string{"http://127.0.0.1:23101"})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	want = `{"id":1,"peerURLs":["http://a:1","http://b:1"]}`
	if got := string(MemberContext(1, "", []string{"http://a:1", "http://b:1"})); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
