// Package kill ends a server with SIGKILL while clients write, again and again, and looks at what they are left with:
//
//   - no acknowledged write is lost: each key holds what was last acknowledged or something attempted since;
//   - X-Etcd-Index never goes back, neither for one reader nor behind an acknowledgement;
//   - the event history tells the same story before and after, and agrees with every acknowledgement.
//
// The moments are random; the seed is printed, -seed repeats it as far as the scheduler lets it. PANDO_KILLS or -kills
// sets how often, for a long run.
package kill

import (
	"flag"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

var (
	kills = flag.Int("kills", envInt("PANDO_KILLS", 8), "how often the server is killed")
	seed  = flag.Uint64("seed", rand.Uint64(), "of the random moments")
)

const (
	writers = 16
	// most and least are how many writes are acknowledged between a start and a kill.
	least, most = 50, 3000
	// lastMoments bounds the time between that acknowledgement and the kill.
	lastMoments = 5 * time.Millisecond
	// patience bounds every wait that should be short.
	patience = 60 * time.Second
)

func envInt(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

func TestKill(t *testing.T) {
	t.Logf("seed %d, %d kills", *seed, *kills)
	random := rand.New(rand.NewPCG(*seed, 0))
	options := server.Options{
		Client: server.FreeAddr(t), Peer: server.FreeAddr(t), Dir: t.TempDir() + "/data",
		// Snapshots are taken all the time, so that kills hit them too.
		Args: []string{"--snapshot-count", "700"},
	}
	s := server.Start(t, options)
	r := newRig(t, s.Endpoint)
	defer r.end()
	for n := 1; n <= *kills && !t.Failed(); n++ {
		r.awaitWrites(least + random.IntN(most-least))
		<-time.After(time.Duration(random.Int64N(int64(lastMoments))))
		r.gate.close()
		s.Kill()
		r.gate.empty()
		r.client.Close()
		if random.IntN(4) == 0 { // once more while it starts
			young := server.Launch(t, options)
			<-time.After(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
			young.Kill()
		}
		s = server.Start(t, options)
		r.check()
		r.gate.open()
	}
	r.awaitWrites(least)
	r.stopWriters()
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	r.client.Close()
	server.Start(t, options)
	r.check()
	t.Logf("%d writes were acknowledged, the last index is %d", r.acked.Load(), r.highest.Load())
}

// client makes a client with a connection for everybody.
func client(endpoint string) *keys.Client { return keys.New(endpoint, 2*writers) }
