// Package local tries the cluster that `pando local` runs on one machine.
package local

import (
	"bytes"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/server"
)

const patience = 30 * time.Second

func TestLocalCluster(t *testing.T) {
	var clients, peers []string
	for range 3 {
		clients = append(clients, server.FreeAddr(t))
		peers = append(peers, server.FreeAddr(t))
	}
	args := []string{
		"local", "--dir", filepath.Join(t.TempDir(), "cluster"),
		"--clients", strings.Join(clients, ","), "--peers", strings.Join(peers, ","),
	}
	for _, round := range []string{"first", "second"} {
		var log bytes.Buffer
		cmd := exec.Command(server.Build(t), args...)
		cmd.Stdout, cmd.Stderr = &log, &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		for _, c := range clients {
			await(t, "http://"+c+"/health", `"true"`)
		}
		put(t, "http://"+clients[0]+"/v2/keys/"+round)
		for _, c := range clients {
			await(t, "http://"+c+"/v2/keys/first?quorum=true", `"value":"x"`)
			await(t, "http://"+c+"/v2/keys/"+round+"?quorum=true", `"value":"x"`)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-ended:
			if err != nil {
				t.Fatalf("pando local: %v\n%s", err, log.String())
			}
		case <-time.After(patience):
			t.Fatal("pando local does not end")
		}
	}
}

// await asks until the answer holds what is wanted.
func await(t *testing.T, url, want string) {
	t.Helper()
	deadline := time.After(patience)
	for {
		body := ""
		if resp, err := http.Get(url); err == nil {
			b, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			if body = string(b); strings.Contains(body, want) {
				return
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("GET %s answers %q, want %s", url, body, want)
		}
	}
}

func put(t *testing.T, url string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPut, url+"?value=x", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatalf("PUT %s: %s", url, resp.Status)
	}
}
