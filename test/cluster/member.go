package cluster

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"pando/test/server"
)

// Member is one member of a cluster, with ports and a data directory that stay its own over restarts.
type Member struct {
	Name     string
	Endpoint string // http://host:port for clients, which reach it whatever the network is told
	PeerURL  string // that the others know, with our proxy behind it
	Dir      string // data directory

	cluster        *Cluster
	number         int
	client, peer   string // host:port that it listens on
	initial, state string // --initial-cluster and --initial-cluster-state
	removed        bool
	binary         Binary             // of its processes to come
	socket         server.FaultSocket // of Options.Faults
	faults         server.Faults      // that were set last
	process        *server.Server     // the latest
}

// Become has the member started from another binary from now on.
func (m *Member) Become(b Binary) { m.binary = b }

// Kind is what the member is when it is started next.
func (m *Member) Kind() Kind { return m.binary.Kind }

// owner says whose connection it is.
func (c *Cluster) owner(conn net.Conn) int {
	c.mu.Lock()
	pids := append([]int(nil), c.pids...)
	c.mu.Unlock()
	return owner(conn, pids)
}

// Launch starts the member's process and waits for nothing.
func (m *Member) Launch(args ...string) {
	c := m.cluster
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	all := []string{
		"--initial-advertise-peer-urls", m.PeerURL,
		"--initial-cluster", m.initial, "--initial-cluster-state", m.state, "--initial-cluster-token", "pando-test",
	}
	all = append(append(append(all, m.binary.args()...), c.options.Args...), args...)
	o := server.Options{Binary: m.binary.Path, Dir: m.Dir, Name: m.Name, Client: m.client, Peer: m.peer, Args: all}
	if c.options.Faults {
		o.Binary, o.Env = server.BuildFaults(c.t), []string{m.socket.Env(m.faults)}
	}
	m.process = server.Launch(c.t, o)
	c.pids[m.number] = m.process.PID()
}

// Start starts the member's process and waits until it serves.
func (m *Member) Start(args ...string) {
	m.cluster.t.Helper()
	m.Launch(args...)
	m.cluster.AwaitReady(m)
}

// Kill ends the process as kill -9 does.
func (m *Member) Kill() { m.process.Kill() }

// Stop ends the process by SIGTERM.
func (m *Member) Stop() {
	m.cluster.t.Helper()
	if err := m.process.Stop(); err != nil {
		m.cluster.t.Fatalf("%v: %v", m, err)
	}
}

// Terminate sends SIGTERM and does not wait for the end.
func (m *Member) Terminate() { m.process.Signal(syscall.SIGTERM) }

// Pause freezes the process, with its connections open.
func (m *Member) Pause() { m.process.Signal(syscall.SIGSTOP) }

// Resume lets a frozen process go on.
func (m *Member) Resume() { m.process.Signal(syscall.SIGCONT) }

// Suffer gives the member's disk and clock faults in place of those that it had, in a cluster with Options.Faults. They stay
// over restarts; a member that does not run begins with them.
func (m *Member) Suffer(f server.Faults) {
	m.cluster.t.Helper()
	m.faults = f
	if err := m.socket.Set(f); err != nil && m.process.Running() {
		m.cluster.t.Fatalf("%v cannot be given %+v: %v", m, f, err)
	}
}

// Wait waits for a process that ends by itself; the error is how, as exec.Cmd.Wait tells it.
func (m *Member) Wait(timeout time.Duration) error { return m.process.Wait(timeout) }

// Log is what the latest process has written.
func (m *Member) Log() string { return m.process.Log() }

// Wipe loses the disk of a member that does not run.
func (m *Member) Wipe() {
	m.cluster.t.Helper()
	entries, err := filepath.Glob(filepath.Join(m.Dir, "*"))
	if err != nil {
		m.cluster.t.Fatal(err)
	}
	for _, e := range entries {
		if err := os.RemoveAll(e); err != nil {
			m.cluster.t.Fatal(err)
		}
	}
}
