//go:build faults

package server

import (
	"encoding/json"
	"log"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"pando/fsys"
)

// This is the host of servers in tests: a disk and a clock that a test steers
// while the server runs. Nothing of it is in a binary that is built without the
// tag faults.

// faultsEnv holds the faults to begin with, as JSON.
const faultsEnv = "PANDO_FAULTS"

// faults is what the host suffers from.
type faults struct {
	Socket   string        // unix socket that takes other faults, as JSON, and answers "done"
	Slow     time.Duration // each sync takes so much longer
	Full     bool          // no file can become longer
	FailSync bool          // syncs fail with EIO
	Clock    time.Duration // the wall clock is so much ahead
}

var suffering atomic.Pointer[faults]

func init() {
	f := new(faults)
	if err := json.Unmarshal([]byte(os.Getenv(faultsEnv)), f); err != nil {
		log.Fatalf("%s: %v", faultsEnv, err)
	}
	os.Unsetenv(faultsEnv)
	suffering.Store(f)
	l, err := net.Listen("unix", f.Socket)
	if err != nil {
		log.Fatalf("%s: %v", faultsEnv, err)
	}
	go steer(l) // it ends with the process
}

// steer takes one set of faults from each connection.
func steer(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			log.Fatalf("%s: %v", faultsEnv, err)
		}
		f := new(faults)
		if err := json.NewDecoder(c).Decode(f); err == nil {
			suffering.Store(f)
			_, _ = c.Write([]byte("done\n"))
		}
		c.Close()
	}
}

func hostFS() fsys.FS {
	return fsys.Hook(fsys.OS, func(c fsys.Call) error {
		f := suffering.Load()
		switch {
		case f.Full && c.Grows:
			return syscall.ENOSPC
		case c.Kind != fsys.Sync && c.Kind != fsys.Datasync && c.Kind != fsys.SyncDir:
			return nil
		case f.FailSync:
			return syscall.EIO
		}
		time.Sleep(f.Slow)
		return nil
	})
}

// hostTime jumps as a clock that is set: the monotonic clock knows nothing of it.
func hostTime() time.Time { return time.Now().Round(0).Add(suffering.Load().Clock) }
