// Package patroni proves that Patroni keeps a PostgreSQL cluster on three Pandos, with nothing but etcd: in its
// configuration: it bootstraps, switches over, goes on when users and roles are enabled, and survives the loss of a
// database's machine and of Pando's leader, each without anybody's help. All processes are real, and die as by kill -9.
//
// Like the tests of the directory above, it runs only with PANDO_TEST_CLIENTS=1. It needs root, to give each PostgreSQL
// a process namespace that can be killed as a whole.
package patroni

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"pando/test/asked"
	"pando/test/cluster"
)

func TestMain(m *testing.M) {
	if !asked.For("PANDO_TEST_CLIENTS", "the tests with Patroni") {
		return
	}
	if os.Geteuid() != 0 && os.Getenv("CI") == "" && os.Getenv("PANDO_CI") == "" {
		fmt.Println("left out: the test with Patroni (not root)")
		return
	}
	os.Exit(m.Run())
}

func TestPatroni(t *testing.T) {
	pandos := cluster.Start(t, cluster.Options{Size: 3})
	d := newDatabase(t, pandos)
	step := func(what string, do func()) {
		t.Helper()
		began := time.Now()
		do()
		t.Logf("%-32s %5.1f s, %v leads", what, time.Since(began).Seconds(), d.leader)
	}
	step("bootstrap", d.bootstrap)
	step("switchover", d.switchover)
	step("users and roles", d.enableAuth)
	step("loss of the database's leader", d.loseLeader)
	step("loss and return of Pando's leader", d.losePando)
}

// bootstrap starts all members at once; one of them makes the database, and the others copy it.
func (d *database) bootstrap() {
	d.t.Helper()
	for _, m := range d.members {
		m.start()
	}
	d.awaitLeader(d.members...)
	d.write("CREATE TABLE steps (step text)")
	d.record("bootstrap")
}

// switchover asks for another leader, as an operator does.
func (d *database) switchover() {
	d.t.Helper()
	old, next := d.leader, d.without(d.leader)[0]
	old.ctl("switchover", "--force", "--leader", old.name, "--candidate", next.name, "pando")
	d.awaitLeader(d.members...)
	if d.leader != next {
		d.t.Fatalf("%v was to lead, and %v does", next, d.leader)
	}
	d.record("switchover")
}

// enableAuth shuts out everybody but Patroni, whose requests have named a user from the beginning.
func (d *database) enableAuth() {
	d.t.Helper()
	for _, args := range []string{
		"user add root:secret",
		"role add patroni",
		"role grant patroni --path /service/* --readwrite",
		"user add patroni:secret",
		"user grant patroni --roles patroni",
		"auth enable",
		"-u root:secret role remove guest",
	} {
		d.etcdctl(strings.Fields(args)...)
	}
	if a, err := d.pandos.Members()[0].Get(leaderKey); err == nil {
		d.t.Fatalf("without a password: %v", a)
	}
	d.awaitRefreshed()
	d.awaitLeader(d.members...)
	d.record("users and roles")
}

// loseLeader kills PostgreSQL and Patroni of the leader. One of the others takes its place, and keeps it when the lost
// one is back.
func (d *database) loseLeader() {
	d.t.Helper()
	lost := d.leader
	lost.kill()
	d.awaitLeader(d.without(lost)...)
	d.record("loss")
	next := d.leader
	lost.start()
	d.awaitLeader(d.members...)
	if d.leader != next {
		d.t.Fatalf("%v led while %v was away, and now %v does", next, lost, d.leader)
	}
	d.record("return")
}

// losePando kills Pando's leader and starts it again. The database's leader stays, and has not been another in between:
// each change would have begun a timeline.
func (d *database) losePando() {
	d.t.Helper()
	leader, timeline := d.leader, d.timeline
	lost := d.pandos.AwaitLeader()
	lost.Kill()
	d.pandos.AwaitLeader(d.pandos.Without(lost)...)
	d.awaitRefreshed()
	d.record("Pando's loss")
	lost.Start()
	d.pandos.AwaitLeader()
	d.awaitRefreshed()
	d.awaitLeader(d.members...)
	d.record("Pando's return")
	if d.leader != leader || d.timeline != timeline {
		d.t.Fatalf("%v led in timeline %d, and now %v does in %d", leader, timeline, d.leader, d.timeline)
	}
}
