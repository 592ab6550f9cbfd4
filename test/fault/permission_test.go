package fault

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"pando/test/server"
)

// nobody is a user who owns nothing.
const nobody = 65534

// asNobody runs a server that must end by itself as another user and returns what it wrote and its exit status; false
// if that needs root.
func asNobody(t *testing.T, dir string) (output string, status int, ok bool) {
	t.Helper()
	if os.Geteuid() != 0 {
		leftOut(t, "running as another user needs root")
		return "", 0, false
	}
	binary := filepath.Join(openDir(t), "pando")
	if err := os.WriteFile(binary, read(t, server.Build(t)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(binary, 0o755); err != nil { // past the umask
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), binary, flags(t, dir)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: nobody, Gid: nobody},
		Pdeathsig:  syscall.SIGKILL,
	}
	err := cmd.Run()
	return out.String(), exitStatus(err), true
}

// flags of a lone member on free ports.
func flags(t *testing.T, dir string) []string {
	t.Helper()
	client, peer := "http://"+server.FreeAddr(t), "http://"+server.FreeAddr(t)
	return []string{
		"--data-dir", dir, "--listen-client-urls", client, "--advertise-client-urls", client,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", "default=" + peer,
	}
}

// openDir is a folder that every user may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pando-fault-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A data directory of another user, which this one may not even read.
func TestDirectoryOfAnotherUser(t *testing.T) {
	dir := filepath.Join(openDir(t), "data")
	s := server.Start(t, server.Options{Dir: dir})
	content{}.fill(t, s, 3)
	s.Kill()
	before := listing(t, dir)
	output, status, ok := asNobody(t, dir)
	if !ok {
		return
	}
	sentence(t, output, status, "ERROR", dir, "permission denied", fmt.Sprint(nobody))
	if after := listing(t, dir); after != before {
		t.Errorf("the directory changed from\n%s\nto\n%s", before, after)
	}
}

// A place where this user may not create the data directory.
func TestDirectoryCannotBeCreated(t *testing.T) {
	dir := filepath.Join(openDir(t), "data")
	output, status, ok := asNobody(t, dir)
	if !ok {
		return
	}
	sentence(t, output, status, "ERROR", dir, "permission denied", fmt.Sprint(nobody))
	if listing(t, dir) != "" {
		t.Error("it was created all the same")
	}
}

// A directory that may be read but not written.
func TestReadOnlyDirectory(t *testing.T) {
	dir := filepath.Join(openDir(t), "data")
	s := server.Start(t, server.Options{Dir: dir})
	content{}.fill(t, s, 3)
	s.Kill()
	chmod(t, "a+rX,a-w", dir)
	t.Cleanup(func() { chmod(t, "u+w", dir) }) // so that it can be removed
	before := listing(t, dir)
	output, status, ok := asNobody(t, dir)
	if !ok {
		return
	}
	sentence(t, output, status, "ERROR", dir, "permission denied", fmt.Sprint(nobody))
	if after := listing(t, dir); after != before {
		t.Errorf("the directory changed from\n%s\nto\n%s", before, after)
	}
}

// chmod changes the permissions of dir and everything in it.
func chmod(t *testing.T, mode, dir string) {
	t.Helper()
	if out, err := exec.Command("chmod", "-R", mode, dir).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
