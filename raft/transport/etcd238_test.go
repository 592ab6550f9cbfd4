package transport

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/config"
)

// etcdEnv names the binary of a real etcd 2.3.8.
const etcdEnv = "PANDO_TEST_ETCD238"

// TestElectsEtcd238: a real etcd 2.3.8, in a cluster of two with this transport, asks for a vote, gets it, leads, and sends
// its entries and heartbeats: both directions, the version and both streams are to its liking.
func TestElectsEtcd238(t *testing.T) {
	binary := os.Getenv(etcdEnv)
	if binary == "" {
		t.Logf("%s names no etcd 2.3.8: nothing was tried", etcdEnv)
		return
	}
	ports := freeURLs(t, 3)
	etcdPeer, etcdClient, ourURL := ports[0], ports[1], ports[2]
	us, them := config.MemberID([]string{ourURL}, "etcd-cluster"), config.MemberID([]string{etcdPeer}, "etcd-cluster")
	n := startMember(t, us, config.ClusterID([]uint64{us, them}), strings.TrimPrefix(ourURL, "http://"))
	n.h.admit(them)
	startEtcd(t, binary, "--name=e", "--data-dir="+t.TempDir(), "--initial-cluster=e="+etcdPeer+",p="+ourURL,
		"--initial-advertise-peer-urls="+etcdPeer, "--listen-peer-urls="+etcdPeer,
		"--listen-client-urls="+etcdClient, "--advertise-client-urls="+etcdClient)
	if err := n.AddPeer(them, []string{etcdPeer}); err != nil {
		t.Fatal(err)
	}
	n.elect(them)
	n.awaitActive(them)
}

// elect answers every request for a vote until the other member leads: it appends an entry, has it acknowledged, and
// commits it with a heartbeat.
func (n *node) elect(them uint64) {
	n.t.Helper()
	var appended uint64
	for {
		m := receive(n.t, "a message of etcd", n.h.inbox)
		answer := &raftpb.Message{From: new(n.id), To: new(them), Term: new(m.GetTerm())}
		switch m.GetType() {
		case raftpb.MsgVote:
			answer.Type = raftpb.MsgVoteResp.Enum()
		case raftpb.MsgApp:
			appended = m.GetIndex() + uint64(len(m.GetEntries()))
			answer.Type, answer.Index = raftpb.MsgAppResp.Enum(), new(appended)
		case raftpb.MsgHeartbeat:
			if appended > 0 && m.GetCommit() >= appended {
				return
			}
			answer.Type = raftpb.MsgHeartbeatResp.Enum()
		default:
			continue
		}
		n.Send([]*raftpb.Message{answer})
	}
}

func startEtcd(t *testing.T, binary string, args ...string) {
	t.Helper()
	process := exec.Command(binary, args...)
	out := &strings.Builder{}
	process.Stdout, process.Stderr = out, out
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		late := time.AfterFunc(testTimeout, func() { _ = process.Process.Kill() }) // it may have ended by then
		defer late.Stop()
		_ = process.Process.Signal(os.Interrupt) // it may have ended by itself
		_ = process.Wait()                       // interrupted
		if t.Failed() {
			t.Log(out)
		}
	})
}
