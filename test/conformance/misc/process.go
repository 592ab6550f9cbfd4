package misc

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

const (
	name      = "m0"
	readyTime = 30 * time.Second
	poll      = 20 * time.Millisecond
)

// process is a server with its ports and its data, which outlive its stops and starts.
type process struct {
	suite        *Suite
	client, peer string // host:port
	data         string
	args         []string

	member, cluster string // ids
	index           uint64 // when it was ready
	left            uint64 // index when it was last told to stop

	cmd   *exec.Cmd
	ended chan struct{}
	log   string // path
}

// start starts the server and waits until it serves and has published its name.
func (p *process) start() error {
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	client, peer := "http://"+p.client, "http://"+p.peer
	p.cmd = exec.Command(p.suite.binary, append([]string{"--name", name, "--data-dir", p.data,
		"--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", name + "=" + peer}, p.args...)...)
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Dir = log, log, p.suite.dir
	p.cmd.Env = p.suite.environment(nil, nil)
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	p.ended = make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // told by its state
		close(p.ended)
	}()
	deadline := time.Now().Add(readyTime)
	for {
		err := p.ready()
		if err == nil {
			return nil
		}
		if time.Now().After(deadline) || within(p.ended, poll) {
			text, _ := os.ReadFile(p.log)
			return fmt.Errorf("%w: %w: …%s", errNotReady, err, text[max(0, len(text)-600):])
		}
	}
}

// ready says why the server cannot be used yet; once it can, its ids and index are known.
func (p *process) ready() error {
	version, err := p.get("/version")
	if err != nil {
		return err
	}
	if !strings.Contains(string(version.Body), `"etcdcluster":"`) || strings.Contains(string(version.Body), "not_decided") {
		return fmt.Errorf("its version is %s", version.Body)
	}
	// For a moment after the version is settled, etcd does not know yet that it may offer auth.
	if auth, err := p.get("/v2/auth/enable"); err != nil || auth.Status >= 500 {
		return fmt.Errorf("no auth yet: status %d, %v", auth.Status, err)
	}
	if leader, err := p.get("/v2/members/leader"); err != nil || leader.Status != 200 {
		return fmt.Errorf("no leader yet: status %d, %v", leader.Status, err)
	}
	reply, err := p.get("/v2/members")
	if err != nil {
		return err
	}
	var list struct{ Members []struct{ ID, Name string } }
	if err := json.Unmarshal(reply.Body, &list); err != nil {
		return err
	}
	for _, m := range list.Members {
		if m.Name == name {
			p.member = m.ID
		}
	}
	p.cluster, _ = reply.Get("x-etcd-cluster-id")
	keys, err := p.get("/v2/keys/")
	if err != nil || p.member == "" || p.cluster == "" {
		return fmt.Errorf("no keys or no name yet: %w", err)
	}
	index, _ := keys.Get("x-etcd-index")
	if p.index, err = strconv.ParseUint(index, 10, 64); err == nil && p.left > 0 && p.index <= p.left {
		err = errors.New("its attributes are not published yet, which takes an index at each start")
	}
	return err
}

func (p *process) get(path string) (rawhttp.Reply, error) {
	c, err := rawhttp.Dial(p.client)
	if err != nil {
		return rawhttp.Reply{}, err
	}
	defer c.Close()
	return c.RoundTrip(rawhttp.Request("GET", path, "1.1", []rawhttp.Header{{Name: "Host", Value: p.client}}, nil), false, answerTime)
}

// stop sends a signal and says how the process ended, or that it did not; then it is killed.
func (p *process) stop(signal string) any {
	if p.cmd == nil {
		return nil
	}
	if keys, err := p.get("/v2/keys/"); err == nil {
		index, _ := keys.Get("x-etcd-index")
		p.left, _ = strconv.ParseUint(index, 10, 64)
	}
	_ = p.cmd.Process.Signal(signals[signal])
	if !within(p.ended, stopTime) {
		_ = p.cmd.Process.Kill()
		<-p.ended
		return "ignored SIG" + signal
	}
	return ending(p.cmd.ProcessState)
}

// environment is the test's own without what servers look at, and the step's variables.
func (s *Suite) environment(extra map[string]string, expand func(string) string) []string {
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "ETCD") && !strings.HasPrefix(v, "PANDO_") {
			env = append(env, v)
		}
	}
	for name, value := range extra {
		env = append(env, name+"="+expand(value))
	}
	return env
}

func (s *Suite) process(c *Case) (*process, error) {
	dir, err := os.MkdirTemp(s.dir, "case")
	if err != nil {
		return nil, err
	}
	p := &process{suite: s, client: s.freeAddr(), peer: s.freeAddr(), data: filepath.Join(dir, "data"), log: filepath.Join(dir, "log")}
	p.setArgs(c.Args)
	return p, nil
}

func (p *process) setArgs(args []string) {
	p.args = nil
	for _, a := range args {
		p.args = append(p.args, p.meaning().expand(a))
	}
}

// meaning is what names mean on this server.
func (p *process) meaning() *meaning {
	port := func(addr string) string { return addr[strings.LastIndexByte(addr, ':')+1:] }
	return &meaning{base: p.index, names: map[string]string{
		"client": "http://" + p.client, "peer": "http://" + p.peer, "chost": p.client, "phost": p.peer,
		"cport": port(p.client), "pport": port(p.peer), "name": name, "data": p.data, "member": p.member, "cluster": p.cluster,
	}}
}

// derive works out the ids that the server must have (server spec, section 3).
func (p *process) derive(token string) outcome {
	member, cluster := derived("http://"+p.peer, cmp.Or(token, "etcd-cluster"))
	return outcome{got: ordered.Object{{Name: "member", Value: member == p.member}, {Name: "cluster", Value: cluster == p.cluster}}}
}
