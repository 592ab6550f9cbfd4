package clients

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"pando/test/cluster"
	"pando/test/server"
)

// ctl is Debian's etcdctl with some members to ask.
type ctl struct {
	t         *testing.T
	endpoints string
}

// run returns what etcdctl prints, and its status.
func (c ctl) run(args ...string) (string, int) {
	c.t.Helper()
	cmd := exec.Command("etcdctl", args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2", "ETCDCTL_ENDPOINTS="+c.endpoints)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		c.t.Fatal(err)
	}
	return strings.TrimSuffix(string(out), "\n"), cmd.ProcessState.ExitCode()
}

// prints fails the test unless etcdctl ends with that status and prints what the pattern matches as a whole. It returns
// the parts in parentheses.
func (c ctl) prints(status int, pattern string, args ...string) []string {
	c.t.Helper()
	out, got := c.run(args...)
	parts := regexp.MustCompile("^(?:" + pattern + ")$").FindStringSubmatch(out)
	if got != status || parts == nil {
		c.t.Fatalf("etcdctl %v: status %d, want %d; it printed\n%s\nwant\n%s", args, got, status, out, pattern)
	}
	return parts[1:]
}

// awaitHealth waits for a verdict on the whole cluster.
func (c ctl) awaitHealth(cluster *cluster.Cluster, verdict string, status int) string {
	c.t.Helper()
	var out string
	cluster.Await(verdict, patience, func() error {
		var got int
		out, got = c.run("cluster-health")
		if got != status || !strings.HasSuffix(out, "\n"+verdict) {
			return fmt.Errorf("status %d:\n%s", got, out)
		}
		return nil
	})
	return out
}

const (
	patience = cluster.Patience
	memberID = `[0-9a-f]{1,16}`
)

// TestEtcdctlMembers exchanges a dead member of a cluster by etcdctl's commands alone, and moves the new one to another
// address. What is added is started from the lines that etcdctl prints.
func TestEtcdctlMembers(t *testing.T) {
	c := cluster.Start(t, cluster.Options{Size: 3})
	leader := c.AwaitLeader()
	dead, other := c.Without(leader)[0], c.Without(leader)[1]
	ctl := ctl{t, leader.Endpoint + "," + other.Endpoint}

	id := map[*cluster.Member]string{}
	list, _ := ctl.run("member", "list")
	for _, m := range c.Members() {
		line := regexp.MustCompile(`(?m)^(` + memberID + `): name=` + m.Name + ` peerURLs=` + m.PeerURL + ` clientURLs=` + m.Endpoint +
			` isLeader=` + fmt.Sprint(m == leader) + `$`).FindStringSubmatch(list)
		if line == nil {
			t.Fatalf("member list has no line as it should for %v:\n%s", m, list)
		}
		id[m] = line[1]
	}
	healthy := ctl.awaitHealth(c, "cluster is healthy", 0)
	for _, m := range c.Members() {
		if want := "member " + id[m] + " is healthy: got healthy result from " + m.Endpoint + "\n"; !strings.Contains(healthy, want) {
			t.Fatalf("want a line %q:\n%s", want, healthy)
		}
	}

	dead.Kill()
	degraded := ctl.awaitHealth(c, "cluster is degraded", 5)
	if want := fmt.Sprintf("member %s is unreachable: [%s] are all unreachable\n", id[dead], dead.Endpoint); !strings.Contains(degraded, want) {
		t.Fatalf("want a line %q:\n%s", want, degraded)
	}
	ctl.prints(1, `Couldn't find a member in the cluster with an ID of abcd\.`, "member", "remove", "abcd")
	ctl.prints(1, `(?s).*`+id[dead]+`.*Couldn't find a member in the cluster with an ID of `+dead.Name+`\.`, "member", "remove", dead.Name)
	ctl.prints(0, `Removed member `+id[dead]+` from cluster`, "member", "remove", id[dead])
	ctl.awaitHealth(c, "cluster is healthy", 0)

	o := server.Options{Name: "added", Dir: t.TempDir() + "/data", Client: server.FreeAddr(t), Peer: server.FreeAddr(t)}
	ctl.prints(1, `(?s).*`, "member", "add", o.Name, leader.PeerURL) // it is another's
	added := ctl.prints(0, `Added member named added with ID (`+memberID+`) to cluster

ETCD_NAME="added"
ETCD_INITIAL_CLUSTER="(.*)"
ETCD_INITIAL_CLUSTER_STATE="(existing)"`, "member", "add", o.Name, "http://"+o.Peer)
	ctl.prints(0, `(?s).*\b`+added[0]+`\[unstarted\]: peerURLs=http://`+o.Peer+`\b.*`, "member", "list")
	o.Args = []string{"--initial-cluster", added[1], "--initial-cluster-state", added[2], "--initial-cluster-token", "pando-test"}
	s := server.Start(t, o)
	ctl.awaitHealth(c, "cluster is healthy", 0)

	moved := server.FreeAddr(t)
	ctl.prints(1, `No such member: abcd`, "member", "update", "abcd", "http://"+moved)
	ctl.prints(0, `Updated member with ID `+added[0]+` in cluster`, "member", "update", added[0], "http://"+moved)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	ctl.awaitHealth(c, "cluster is degraded", 5)
	o.Peer = moved
	server.Start(t, o)
	ctl.awaitHealth(c, "cluster is healthy", 0)
	ctl.prints(0, `(?s).*\b`+added[0]+`: name=added peerURLs=http://`+moved+` .*`, "member", "list")

	leader.Kill()
	other.Kill()
	ctl.endpoints = "http://" + o.Client
	ctl.awaitHealth(c, "cluster is unavailable", 5)
}
