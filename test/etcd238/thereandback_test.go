package etcd238

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"pando/test/server"
	"pando/test/server/content"
)

const etcdEnv = "PANDO_TEST_ETCD238"

// etcd238 is the path of the real thing, "" if none was named. One that is named must be what it is said to be.
func etcd238(t *testing.T) string {
	t.Helper()
	path := os.Getenv(etcdEnv)
	if path == "" {
		t.Logf("%s names no etcd 2.3.8: nothing was compared", etcdEnv)
		return ""
	}
	out, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil || !strings.Contains(string(out), "etcd Version: 2.3.8") {
		t.Fatalf("%s=%s is no etcd 2.3.8: %v\n%s", etcdEnv, path, err, out)
	}
	return path
}

// hop is one server's turn with the data directory.
type hop struct {
	pando bool
	kill  bool // ends by kill -9 instead of SIGTERM
}

func (h hop) String() string {
	return fmt.Sprintf("%s that is %s", map[bool]string{true: "Pando", false: "etcd"}[h.pando],
		map[bool]string{true: "killed", false: "stopped"}[h.kill])
}

// Each server finds exactly what the one before it has left: every node with its indexes and its expiration, every
// event of the history, and an index that only its own start has raised (etcd-compat spec, sections 2 to 5).
func TestThereAndBack(t *testing.T) {
	hops := []hop{{pando: true}, {}, {pando: true}, {kill: true}, {pando: true, kill: true}, {}, {pando: true, kill: true},
		{kill: true}, {pando: true}}
	for name, c := range map[string]struct {
		writes int // of each hop
		args   []string
	}{
		"log only":        {60, nil},
		"snapshots":       {120, []string{"--snapshot-count=50"}},
		"history cleared": {400, []string{"--snapshot-count=300"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if etcd := etcd238(t); etcd != "" {
				thereAndBack(t, etcd, hops, c.writes, c.args)
			}
		})
	}
}

func thereAndBack(t *testing.T, etcd string, hops []hop, writes int, args []string) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	dir := t.TempDir() + "/data"
	var left content.State
	for i, h := range hops {
		o := server.Options{Dir: dir, Args: args}
		if !h.pando {
			o.Binary = etcd
		}
		s := server.Start(t, o)
		if i > 0 {
			content.WaitFor(t, s.Endpoint, left.Index+1)
			found := content.Read(t, s.Endpoint, left.Last)
			if d := left.Same(found, 1); d != "" {
				t.Fatalf("hop %d, %v: after %v it found\n%s", i, h, hops[i-1], d)
			}
		}
		content.Expire(t, s.Endpoint, random, i%2 == 0)
		last := content.Fill(t, s.Endpoint, random, writes)
		left = content.Read(t, s.Endpoint, last)
		if h.kill {
			s.Kill()
		} else if err := s.Stop(); err != nil {
			t.Fatalf("hop %d, %v: %v", i, h, err)
		}
	}
}
