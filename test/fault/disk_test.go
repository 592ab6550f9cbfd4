package fault

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/fault/keys"
	"pando/test/server"
)

// mount gives the test a file system of its own; false if it may not have one.
func mount(t *testing.T, size string) (dir string, ok bool) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "mode=0700,size="+size); err != nil {
		leftOut(t, fmt.Sprintf("mounting a small file system needs root: %v", err))
		return "", false
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir, true
}

// remount changes the mount of dir.
func remount(t *testing.T, dir string, flags uintptr, options string) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|flags, options); err != nil {
		t.Fatal(err)
	}
}

// quick keeps the time short that a request may take whose outcome is unknown.
var quick = []string{"--heartbeat-interval", "20", "--election-timeout", "100"}

// refusal is the sentence of a write that came while the disk was full.
const refusal = "no space left on the disk"

// fillUp writes half-megabyte values until a write is refused, and returns the index of the last that was taken.
func fillUp(t *testing.T, s *server.Server, c content) (index uint64) {
	t.Helper()
	value := string(bytes.Repeat([]byte("f"), 512<<10))
	for range 200 {
		key := fmt.Sprintf("/full/%d", len(c))
		a := do(t, s, http.MethodPut, keys.Path(key), "value", value)
		switch {
		case a.OK():
			c[key], index = value, a.Node.ModifiedIndex
		case a.Status == http.StatusServiceUnavailable:
			if a.ErrorCode != 300 || !strings.Contains(a.Cause, refusal) {
				t.Errorf("refused with %s", a)
			}
			return index
		default:
			t.Fatalf("PUT %s: %s", key, a)
		}
	}
	t.Fatal("100 MB went onto a disk of 40")
	return 0
}

// checkFull holds a server on a full disk to what it promises.
func checkFull(t *testing.T, s *server.Server, c content, index uint64) {
	t.Helper()
	c.served(t, s, index)
	if a := do(t, s, http.MethodPut, keys.Path("/refused"), "value", "x"); a.Status != http.StatusServiceUnavailable ||
		a.ErrorCode != 300 || !strings.Contains(a.Cause, refusal) {
		t.Errorf("a write: %s", a)
	}
	if a := do(t, s, http.MethodGet, "/health"); a.Status != http.StatusServiceUnavailable {
		t.Errorf("/health: %s", a)
	}
	if a := do(t, s, http.MethodGet, keys.Path("/full/0", "quorum", "true")); !a.OK() {
		t.Errorf("a quorum read: %d %s", a.Status, a.Message)
	}
}

// awaitWrites waits until a server that was on a full disk takes writes again.
func awaitWrites(t *testing.T, s *server.Server, c content) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for late := time.After(patience); ; {
		a := do(t, s, http.MethodPut, keys.Path("/after"), "value", "room again")
		if a.OK() {
			c["/after"] = "room again"
			return
		}
		select {
		case <-again.C:
		case <-late:
			t.Fatalf("there is room and writes are still refused: %s", a)
		}
	}
}

// A disk fills up under a running server, gets room, fills up again, and the server is killed and started on it.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk, ok := mount(t, "40m")
	if !ok {
		return
	}
	ballast := filepath.Join(disk, "ballast")
	create(t, ballast, make([]byte, 9<<20))
	s := server.Start(t, server.Options{Dir: filepath.Join(disk, "data"), Args: quick})
	c := content{}
	index := fillUp(t, s, c)
	checkFull(t, s, c, index)
	said(t, s.Log(), "ERROR", "writes are refused", "no space left on device")

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	awaitWrites(t, s, c)
	said(t, s.Log(), "INFO", "writes are taken again")
	if a := do(t, s, http.MethodGet, "/health"); a.Status != http.StatusOK {
		t.Errorf("/health: %s", a)
	}

	index = fillUp(t, s, c)
	checkFull(t, s, c, index)
	s.Kill()
	again := server.Launch(t, server.Options{Dir: s.Dir, Args: quick})
	if err := again.Ready(patience); err != nil {
		t.Fatalf("on the full disk: %v", err)
	}
	c.served(t, again, index)
	// It takes writes until it finds that there is no room for the file after this one.
	checkFull(t, again, c, max(index, fillUp(t, again, c)))
}

// No room for the first file: refused, and nothing is in the way once there is room.
func TestNoSpaceAtFirstStart(t *testing.T) {
	disk, ok := mount(t, "4m")
	if !ok {
		return
	}
	dir := filepath.Join(disk, "data")
	s := server.Launch(t, server.Options{Dir: dir})
	status := exitStatus(s.Wait(patience))
	sentence(t, s.Log(), status, "ERROR", dir, "no space left on device")
	remount(t, disk, 0, "size=40m")
	content{}.fill(t, server.Start(t, server.Options{Dir: dir}), 1)
}

// A disk that the kernel has made read-only, as it does after errors.
func TestReadOnlyFileSystem(t *testing.T) {
	disk, ok := mount(t, "40m")
	if !ok {
		return
	}
	s, c := server.Start(t, server.Options{Dir: filepath.Join(disk, "data")}), content{}
	index := c.fill(t, s, 5)
	s.Kill()
	remount(t, disk, syscall.MS_RDONLY, "size=40m")
	refused(t, s.Dir, "ERROR", s.Dir, "read-only file system")
	remount(t, disk, 0, "size=40m")
	c.served(t, restart(t, s), index)
}

// create writes a file that is not there yet.
func create(t *testing.T, file string, data []byte) {
	t.Helper()
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
}
