package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// Faults are what a server of BuildFaults suffers from. The zero value is a good disk and the right time.
type Faults struct {
	Slow     time.Duration // each sync takes so much longer
	Full     bool          // no file can become longer
	FailSync bool          // syncs fail with EIO
	Clock    time.Duration // the wall clock is so much ahead
}

// FaultSocket is where one server of BuildFaults takes its faults. It outlives the server's process.
type FaultSocket string

var sockets atomic.Int64

// NewFaultSocket is one for another server. It takes no file: the name is the kernel's.
func NewFaultSocket() FaultSocket {
	return FaultSocket(fmt.Sprintf("@pando-faults-%d-%d", os.Getpid(), sockets.Add(1)))
}

// Env is the variable that a process is started with, to suffer from f from the beginning.
func (s FaultSocket) Env(f Faults) string {
	b, _ := json.Marshal(struct { // nothing in it can fail
		Socket string
		Faults
	}{string(s), f})
	return "PANDO_FAULTS=" + string(b)
}

// Set replaces the faults of the running process; when it returns they have come about. An error: it does not run, or is
// frozen. Any goroutine may call it.
func (s FaultSocket) Set(f Faults) error {
	const patience = 5 * time.Second
	c, err := net.DialTimeout("unix", string(s), patience)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if err := json.NewEncoder(c).Encode(f); err != nil {
		return err
	}
	answer, err := io.ReadAll(c)
	if err == nil && string(answer) != "done\n" {
		err = fmt.Errorf("%s answered %q", s, answer)
	}
	return err
}
