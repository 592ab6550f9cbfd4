package patroni

import (
	_ "embed"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"text/template"
	"time"
)

//go:embed patroni.yml.tmpl
var configText string

var config = template.Must(template.New("patroni.yml").Parse(configText))

// member is a PostgreSQL with its Patroni. The exported fields go into its configuration.
type member struct {
	REST     string // host:port of Patroni
	Postgres string // host:port of PostgreSQL
	Hosts    string // all Pandos
	Dir      string

	t       *testing.T
	name    string
	process *exec.Cmd // nil if it does not run
}

// Name is the member's name.
func (m *member) Name() string { return m.name }

// Bin is where Debian keeps the programs of PostgreSQL 15.
func (m *member) Bin() string { return "/usr/lib/postgresql/15/bin" }

func (m *member) String() string { return m.name }

// file is the path of the member's configuration.
func (m *member) file() string { return m.Dir + ".yml" }

func (m *member) configure() {
	m.t.Helper()
	f, err := os.Create(m.file())
	if err != nil {
		m.t.Fatal(err)
	}
	defer f.Close()
	if err := config.Execute(f, m); err != nil {
		m.t.Fatal(err)
	}
}

// run is what becomes Patroni: the first process of a namespace, whose death is everybody's in it, with a /proc in which
// Patroni finds its PostgreSQL, as PostgreSQL's user, and not longer than the test.
const run = `mount --make-rprivate / && mount -t proc proc /proc && cd "$2" &&
exec setpriv --reuid=postgres --regid=postgres --init-groups --pdeathsig KILL patroni "$1"`

// start starts Patroni, which starts PostgreSQL, and waits for nothing.
func (m *member) start() {
	m.t.Helper()
	log, err := os.OpenFile(m.Dir+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		m.t.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command("sh", "-c", run, "sh", m.file(), m.Dir)
	cmd.Env = append(os.Environ(), "HOME="+m.Dir, "LC_ALL=C.UTF-8")
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		m.t.Fatalf("%v: %v", m, err)
	}
	m.process = cmd
	m.t.Cleanup(func() {
		m.kill()
		if text, err := os.ReadFile(m.Dir + ".log"); err == nil && m.t.Failed() {
			m.t.Logf("%v wrote:\n%s", m, text)
		}
	})
}

// kill ends Patroni and PostgreSQL as the end of their machine does.
func (m *member) kill() {
	if m.process != nil {
		_ = m.process.Process.Kill()
		_ = m.process.Wait()
	}
	m.process = nil
}

// ctl runs patronictl, which asks Pando where the members are.
func (m *member) ctl(args ...string) {
	m.t.Helper()
	cmd := exec.Command("patronictl", append([]string{"--config-file", m.file()}, args...)...)
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	if out, err := cmd.CombinedOutput(); err != nil {
		m.t.Fatalf("patronictl %v: %v\n%s", args, err, out)
	}
}

// status is what Patroni says of its PostgreSQL.
type status struct {
	State    string
	Role     string
	Timeline int
}

func (s status) leads() bool { return s.State == "running" && s.Role == "master" }

func (s status) follows(timeline int) bool {
	return s.State == "running" && s.Role == "replica" && s.Timeline == timeline
}

var client = &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}

// status asks the member's Patroni.
func (m *member) status() (status, error) {
	var s status
	resp, err := client.Get("http://" + m.REST + "/patroni")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}
