package patroni

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"testing"
	"time"

	"pando/test/cluster"
	"pando/test/server"
)

// patience bounds each wait: the leader's key lives for 20 seconds, and a copy of the database takes a few.
const patience = 90 * time.Second

// database is three PostgreSQLs of which Patroni makes one that lasts.
type database struct {
	t        *testing.T
	pandos   *cluster.Cluster
	members  []*member
	leader   *member  // as last awaited
	timeline int      // of the leader
	steps    []string // that were written so far
}

// newDatabase prepares members that do not run yet.
func newDatabase(t *testing.T, pandos *cluster.Cluster) *database {
	t.Helper()
	d := &database{t: t, pandos: pandos}
	// Not the test's own directory, which is closed to others: PostgreSQL refuses to be root.
	dir, err := os.MkdirTemp("", "pando-patroni-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	uid, gid := postgres(t)
	hosts := strings.ReplaceAll(strings.Join(cluster.Endpoints(pandos.Members()), ","), "http://", "")
	for i := range 3 {
		m := &member{t: t, name: fmt.Sprintf("db%d", i), REST: server.FreeAddr(t), Postgres: server.FreeAddr(t), Hosts: hosts}
		m.Dir = dir + "/" + m.name
		if err := os.Mkdir(m.Dir, 0o700); err != nil {
			t.Fatal(err)
		}
		m.configure()
		if err := os.Chown(m.Dir, uid, gid); err != nil {
			t.Fatal(err)
		}
		d.members = append(d.members, m)
	}
	return d
}

// postgres is the user that Debian's package has made.
func postgres(t *testing.T) (uid, gid int) {
	t.Helper()
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, err = strconv.Atoi(u.Uid)
	if err != nil {
		t.Fatal(err)
	}
	gid, err = strconv.Atoi(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return uid, gid
}

// without are the members but for one.
func (d *database) without(out *member) []*member {
	var in []*member
	for _, m := range d.members {
		if m != out {
			in = append(in, m)
		}
	}
	return in
}

// awaitLeader waits until, by what each of the members says of itself, one leads and the others follow it in its timeline.
func (d *database) awaitLeader(among ...*member) {
	d.t.Helper()
	d.pandos.Await("a leader of the database", patience, func() error {
		said := map[*member]status{}
		var leader *member
		for _, m := range among {
			s, err := m.status()
			if err != nil {
				return fmt.Errorf("%v: %w", m, err)
			}
			said[m] = s
			if s.leads() {
				leader = m
			}
		}
		for _, m := range among {
			if leader == nil || m != leader && !said[m].follows(said[leader].Timeline) {
				return fmt.Errorf("they say %v", said)
			}
		}
		d.leader, d.timeline = leader, said[leader].Timeline
		return nil
	})
}

// leaderKey is where Patroni keeps the leader's name.
const leaderKey = "/service/pando/leader"

// awaitRefreshed waits until the leader has written its key in Pando twice, the second time knowing of the first.
func (d *database) awaitRefreshed() {
	d.t.Helper()
	var last uint64
	for range 3 {
		d.pandos.Await("the leader's key is refreshed", patience, func() error {
			for _, p := range d.pandos.Members() {
				name, index := d.read(p)
				if index > 0 && name != d.leader.name {
					d.t.Fatalf("%s is %q, not %v", leaderKey, name, d.leader)
				}
				if index > last {
					last = index
					return nil
				}
			}
			return fmt.Errorf("still at index %d", last)
		})
	}
}

// read asks a Pando, as Patroni's user, for the leader's key and the index of its latest write; 0 if it has no answer.
func (d *database) read(p *cluster.Member) (name string, index uint64) {
	d.t.Helper()
	req, err := http.NewRequest(http.MethodGet, p.Endpoint+"/v2/keys"+leaderKey, nil)
	if err != nil {
		d.t.Fatal(err)
	}
	req.SetBasicAuth("patroni", "secret")
	resp, err := client.Do(req)
	if err != nil {
		return "", 0
	}
	defer resp.Body.Close()
	var a struct {
		Node struct {
			Value         string
			ModifiedIndex uint64
		}
	}
	if json.NewDecoder(resp.Body).Decode(&a) != nil {
		return "", 0
	}
	return a.Node.Value, a.Node.ModifiedIndex
}

// etcdctl runs one of its commands of v2.
func (d *database) etcdctl(args ...string) {
	d.t.Helper()
	cmd := exec.Command("etcdctl", args...)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2", "ETCDCTL_ENDPOINTS="+strings.Join(cluster.Endpoints(d.pandos.Members()), ","))
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("etcdctl %v: %v\n%s", args, err, out)
	}
}

// write runs a statement on the leader.
func (d *database) write(statement string) {
	d.t.Helper()
	if out, err := d.leader.sql(statement); err != nil {
		d.t.Fatalf("%v: %s: %v\n%s", d.leader, statement, err, out)
	}
}

// record writes a step down and waits until every member that runs knows all of them, in order: a write that was
// answered is never lost, and replication goes on.
func (d *database) record(step string) {
	d.t.Helper()
	d.steps = append(d.steps, step)
	d.write("INSERT INTO steps VALUES ($$" + step + "$$)")
	want := strings.Join(d.steps, "\n")
	for _, m := range d.members {
		if m.process == nil {
			continue
		}
		d.pandos.Await(fmt.Sprintf("%v knows step %s", m, step), patience, func() error {
			if got, err := m.sql("SELECT step FROM steps"); err != nil || got != want {
				return fmt.Errorf("%v\n%s", err, got)
			}
			return nil
		})
	}
}

// sql asks the member's own PostgreSQL.
func (m *member) sql(statement string) (string, error) {
	host, port, _ := strings.Cut(m.Postgres, ":")
	cmd := exec.Command("psql", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet", "--username", "postgres",
		"--dbname", "postgres", "--host", host, "--port", port, "--command", statement)
	cmd.Env = append(os.Environ(), "PGCONNECT_TIMEOUT=5")
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}
