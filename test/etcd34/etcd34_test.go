package etcd34

import (
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"

	"pando/test/server"
	"pando/test/server/content"
)

// etcd and etcdctl are the installed ones; a test that cannot find them fails.
const (
	etcd    = "/usr/bin/etcd"
	etcdctl = "/usr/bin/etcdctl"
)

var v2 = []string{"--enable-v2"}

// fill makes a data directory with Pando, of which there are snapshots if args ask for them. The Pando still runs.
func fill(t *testing.T, args ...string) (*server.Server, content.State) {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := server.Start(t, server.Options{Args: args})
	r := rand.New(rand.NewPCG(seed, 0))
	// No directory expires: etcd 3.4, when it replays the log, adds dir to that event.
	content.Expire(t, s.Endpoint, r, false)
	last := content.Fill(t, s.Endpoint, r, 150)
	state := content.Read(t, s.Endpoint, last)
	content.Settle(t, s.Endpoint)
	return s, state
}

// found starts a server on a directory and says what it finds different. The indexes that the start itself takes, for
// the member's attributes, a new cluster version and the like, are not counted, but there must be some. The server
// still runs.
func found(t *testing.T, o server.Options, before content.State) *server.Server {
	t.Helper()
	s := server.Start(t, o)
	content.WaitFor(t, s.Endpoint, before.Index+1)
	after := content.Read(t, s.Endpoint, before.Last)
	if d := before.Same(after, after.Index-before.Index); d != "" {
		t.Fatalf("%s found\n%s", cmp.Or(o.Binary, "Pando"), d)
	}
	return s
}

func stop(t *testing.T, s *server.Server) {
	t.Helper()
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
}

// etcd 3.4 starts on Pando's directory. Where there is a snapshot it wants a v3 backend that is at least as new, for
// which a file with one key will do (etcd-compat spec, section 1). Pando starts on what etcd 3.4 leaves behind.
func TestEtcd34OnPandosDirectory(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{"log only": nil, "snapshots": {"--snapshot-count=50"}} {
		t.Run(name, func(t *testing.T) {
			pando, before := fill(t, args...)
			stop(t, pando)
			if len(args) > 0 {
				writeBackend(t, pando.Dir)
			}
			there := found(t, server.Options{Binary: etcd, Dir: pando.Dir, Args: v2}, before)
			last := content.Fill(t, there.Endpoint, rand.New(rand.NewPCG(3, 4)), 100)
			before = content.Read(t, there.Endpoint, last)
			stop(t, there)
			found(t, server.Options{Dir: pando.Dir, Args: args}, before)
		})
	}
}

// writeBackend writes member/snap/db: bucket meta, key consistent_index, the index of the newest snapshot.
func writeBackend(t *testing.T, dir string) {
	t.Helper()
	snaps, err := filepath.Glob(filepath.Join(dir, "member", "snap", "*.snap"))
	if err != nil || len(snaps) == 0 {
		t.Fatalf("no snapshot in %s: %v", dir, err)
	}
	var term, index uint64
	newest := filepath.Base(snaps[len(snaps)-1]) // Glob sorts, and the names sort as their terms and indexes do
	if _, err := fmt.Sscanf(newest, "%16x-%16x.snap", &term, &index); err != nil {
		t.Fatalf("%s: %v", newest, err)
	}
	db, err := bolt.Open(filepath.Join(dir, "member", "snap", "db"), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucket([]byte("meta"))
		if err != nil {
			return err
		}
		return meta.Put([]byte("consistent_index"), binary.BigEndian.AppendUint64(nil, index))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// etcdctl backup copies Pando's directory, of a server that runs as of one that was stopped, and etcd 3.4 as well as
// Pando start a new cluster from the copy (server spec, section 9). There must be a snapshot: from the log, this
// etcdctl leaves out the old member's own entries, and without them all later ones get lower indexes.
func TestBackup(t *testing.T) {
	t.Parallel()
	pando, before := fill(t, "--snapshot-count=50")
	running := backup(t, pando.Dir)
	stop(t, pando)
	stopped := backup(t, pando.Dir)
	for name, dir := range map[string]string{"running": running, "stopped": stopped} {
		t.Run(name, func(t *testing.T) {
			stop(t, found(t, server.Options{
				Binary: etcd, Args: append([]string{"--force-new-cluster"}, v2...), Dir: copied(t, dir),
			}, before))

			o := server.Options{Args: []string{"--force-new-cluster"}, Dir: copied(t, dir)}
			s := found(t, o, before)
			last := content.Fill(t, s.Endpoint, rand.New(rand.NewPCG(5, 6)), 20)
			more := content.Read(t, s.Endpoint, last)
			stop(t, s)
			o.Args = nil
			found(t, o, more)
		})
	}
}

// A backup of the log alone lacks the entries about members, so the indexes are others; the keys are there.
func TestBackupOfTheLogAlone(t *testing.T) {
	pando := server.Start(t, server.Options{})
	for i := range 5 {
		req, err := http.NewRequest(http.MethodPut, fmt.Sprintf("%s/v2/keys/k%d?value=v", pando.Endpoint, i), nil)
		if err != nil {
			t.Fatal(err)
		}
		answered(t, req, http.StatusCreated)
	}
	content.Settle(t, pando.Endpoint)
	stop(t, pando)
	o := server.Options{Args: []string{"--force-new-cluster"}, Dir: backup(t, pando.Dir)}
	for range 2 {
		s := server.Start(t, o)
		for i := range 5 {
			req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/v2/keys/k%d?quorum=true", s.Endpoint, i), nil)
			if err != nil {
				t.Fatal(err)
			}
			answered(t, req, http.StatusOK)
		}
		stop(t, s)
		o.Args = nil
	}
}

func answered(t *testing.T, req *http.Request, status int) {
	t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != status {
		t.Errorf("%s %s: %s", req.Method, req.URL, resp.Status)
	}
}

// memberIDs are the ids of the members as one of them lists them, sorted.
func memberIDs(t *testing.T, endpoint string) (ids []string) {
	t.Helper()
	resp, err := http.Get(endpoint + "/v2/members")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct{ Members []struct{ ID string } }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	for _, m := range list.Members {
		ids = append(ids, m.ID)
	}
	slices.Sort(ids)
	return ids
}

func copied(t *testing.T, dir string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "data")
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func backup(t *testing.T, dir string) (to string) {
	t.Helper()
	to = filepath.Join(t.TempDir(), "backup")
	cmd := exec.Command(etcdctl, "backup", "--data-dir", dir, "--backup-dir", to)
	cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("etcdctl backup: %v\n%s", err, out)
	}
	return to
}

// The way back from a takeover: what etcd 3.4 left behind is kept, and etcd 3.4 goes on with it.
func TestWayBack(t *testing.T) {
	t.Parallel()
	there := server.Start(t, server.Options{Binary: etcd, Args: v2})
	last := content.Fill(t, there.Endpoint, rand.New(rand.NewPCG(7, 8)), 100)
	before := content.Read(t, there.Endpoint, last)
	stop(t, there)
	pando := found(t, server.Options{Dir: there.Dir}, before)
	content.Fill(t, pando.Endpoint, rand.New(rand.NewPCG(9, 10)), 20)
	stop(t, pando)
	goBack(t, there.Dir)
	found(t, server.Options{Binary: etcd, Dir: there.Dir, Args: v2}, before)
}
