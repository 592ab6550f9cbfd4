package bootstrap

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"pando/test/server"
)

func listenOn(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// Debian's etcd-discovery, the program behind discovery.etcd.io, keeps its tokens in a Pando.
func TestEtcdDiscovery(t *testing.T) {
	t.Parallel()
	s := startService(t)
	addr := server.FreeAddr(t)
	cmd := exec.Command("/usr/bin/discovery.etcd.io", "--addr", addr, "--etcd", s.Endpoint, "--host", "http://"+addr)
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		if t.Failed() {
			t.Log(out.String())
		}
	})

	var token string
	await(t, "etcd-discovery", func() error {
		resp, err := http.Get("http://" + addr + "/new?size=3")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err == nil && resp.StatusCode != http.StatusOK {
			err = fmt.Errorf("%s: %s", resp.Status, text)
		}
		token = string(text)
		return err
	})
	a, b, c := node(t, "n1", token), node(t, "n2", token), node(t, "n3", token)
	ready(t, a, b, c)
	oneCluster(t, a, b, c)
	if got := s.registered(t, token[strings.LastIndexByte(token, '/')+1:]); len(got) != 3 {
		t.Errorf("registered: %v", got)
	}
	ends(t, node(t, "n4", token, "--discovery-fallback", "exit"), "discovery: cluster is full")
}
