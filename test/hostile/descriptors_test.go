package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pando/test/server"
)

// descriptors is the limit of open files of the members, reserved what they keep for themselves.
const descriptors, reserved = 400, 250

// scarce is a Pando with few descriptors.
func scarce(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "pando")
	script := fmt.Sprintf("#!/bin/sh\nulimit -n %d && exec %s \"$@\"\n", descriptors, server.Build(t))
	if err := os.WriteFile(path, []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// exhaust takes every connection that a client port gives away, and holds on to them in silence.
func exhaust(t *testing.T, endpoint string) {
	t.Helper()
	for range descriptors - reserved + 30 { // more are told that there are too many
		c, err := dialTo(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
	}
	eventually(t, "a client is told that there are too many", func() bool {
		c, err := dialTo(endpoint)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, "GET /version"+host+"\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		return err == nil && resp.StatusCode == http.StatusServiceUnavailable
	})
}

// put writes a value of a size on a connection that is there.
func (c *client) put(key string, size int) error {
	body := "value=" + strings.Repeat("v", size)
	c.send("PUT /v2/keys/" + key + host + form + fmt.Sprintf("Content-Length: %d\r\n\r\n", len(body)) + body)
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return errors.New(resp.Status)
	}
	return nil
}

// files is how many of a member's files of that kind there are, and the name of the last.
func files(t *testing.T, dir, pattern string) (n int, last string) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "member", pattern))
	if err != nil {
		t.Fatal(err)
	}
	if len(names) > 0 {
		last = names[len(names)-1]
	}
	return len(names), last
}

// TestClientsCannotTakeTheDescriptorsOfOthers: with all connections of all client ports taken, the log gets new files,
// snapshots are written, and a member comes back and catches up over new connections.
func TestClientsCannotTakeTheDescriptorsOfOthers(t *testing.T) {
	const writes, size = 300, 64 << 10 // 19 MB: some files of the log
	path := scarce(t)
	var initial []string
	var options []server.Options
	for i := range 3 {
		o := server.Options{
			Binary: path, Name: fmt.Sprintf("m%d", i), Client: server.FreeAddr(t), Peer: server.FreeAddr(t), Dir: t.TempDir() + "/data",
		}
		initial = append(initial, o.Name+"=http://"+o.Peer)
		options = append(options, o)
	}
	var members []*rig
	for i := range options {
		options[i].Args = []string{"--initial-cluster", strings.Join(initial, ","), "--snapshot-count", "100"}
		members = append(members, &rig{server.Launch(t, options[i]), t})
	}
	for _, m := range members {
		if err := m.Ready(patience); err != nil {
			t.Fatal(err)
		}
	}
	writer := members[0].dial()
	if err := writer.put("first", 1); err != nil {
		t.Fatal(err)
	}
	for _, m := range members {
		exhaust(t, m.Endpoint)
	}
	members[2].Kill()
	_, before := files(t, members[0].Dir, "wal/*.wal")
	for i := range writes {
		if err := writer.put(fmt.Sprintf("k%d", i%10), size); err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
	}
	if _, after := files(t, members[0].Dir, "wal/*.wal"); after == before {
		t.Error("the log has no new file")
	}
	eventually(t, "a snapshot is written", func() bool {
		n, _ := files(t, members[0].Dir, "snap/*.snap")
		return n > 0
	})
	back := &rig{server.Launch(t, options[2]), t}
	eventually(t, "the member that was away catches up", func() bool {
		return strings.Contains(back.stored("k9"), `"value":"v`)
	})
	for _, m := range []*rig{members[0], members[1], back} {
		if strings.Contains(m.Log(), "too many open files") {
			t.Error("a member ran out of descriptors")
		}
	}
}

// stored is what a member that may not listen yet has at a key.
func (g *rig) stored(key string) string {
	resp, err := http.Get(g.Endpoint + "/v2/keys/" + key)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}
