package service

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
)

// image is what the Dockerfile makes, as far as this machine can make it: no base image is needed but for the Go toolchain.
type image struct {
	root   string   // its file system
	env    []string // its variables
	health []string // the command of its health check
	user   string   // uid:gid
}

// buildImage runs the line of the Dockerfile that builds, and copies what it copies.
func buildImage(t *testing.T) image {
	t.Helper()
	data, err := os.ReadFile("../../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), "\\\n", " ")
	find := func(pattern string) string {
		m := regexp.MustCompile(`(?m)^` + pattern + `$`).FindStringSubmatch(text)
		if m == nil {
			t.Fatalf("the Dockerfile has no line %s", pattern)
		}
		return m[1]
	}
	root, err := os.MkdirTemp("", "pando-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(root) })
	build := exec.Command("sh", "-c", strings.ReplaceAll(find(`RUN (CGO_ENABLED=0 .*)`), "/out", root))
	build.Dir = "../.."
	build.Env = append(os.Environ(), "VERSION=tried")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	// Every engine brings this file, and none needs it in the image.
	if err := os.Mkdir(filepath.Join(root, "etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(root, "etc", "hosts"), []byte("127.0.0.1 localhost\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	i := image{root: root, env: strings.Fields(find(`ENV (.*)`)), user: find(`USER (.*)`)}
	if err := json.Unmarshal([]byte(find(`HEALTHCHECK .*CMD (\[.*\])`)), &i.health); err != nil {
		t.Fatal(err)
	}
	return i
}

// command runs a program of the image as a container's runtime does: as process 1, in its own file system, which is read only
// but for the volume, and as its user, who may gain nothing.
func (i image) command(volume string, program ...string) *exec.Cmd {
	script := fmt.Sprintf(`mount --make-rprivate / && mount --bind %[1]s %[1]s && mount -o remount,bind,ro %[1]s &&
		mount --bind %[2]s %[1]s/data && exec setpriv --no-new-privs chroot --userspec=%[3]s --groups= %[1]s "$@"`, i.root, volume, i.user)
	cmd := exec.Command("sh", append([]string{"-c", script, "sh"}, program...)...)
	cmd.Env = append([]string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, i.env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// healthy runs the health check of the image and returns what it wrote.
func (i image) healthy(t *testing.T, volume string, more ...string) (output string, status int) {
	t.Helper()
	cmd := i.command(volume, i.health...)
	cmd.Env = append(cmd.Env, more...)
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// The image's file system, user and variables are all that Pando needs; it is healthy when its health check says so, and as
// process 1 it ends with status 0.
func TestContainer(t *testing.T) {
	if os.Geteuid() != 0 {
		if os.Getenv("PANDO_CI") != "" {
			t.Fatal("PANDO_CI is set and this cannot run without root")
		}
		t.Log("left out: a container needs root")
		return
	}
	i := buildImage(t)
	volume := t.TempDir()
	// A volume of an etcd container belongs to root.
	var refused bytes.Buffer
	cmd := i.command(volume, "/pando")
	cmd.Stderr = &refused
	if err := cmd.Run(); err == nil || cmd.ProcessState.ExitCode() != 1 {
		t.Errorf("on a volume of root's: %v", err)
	}
	if want := "hand it over with: chown -R 65532:65532 '/data'"; !strings.Contains(refused.String(), want) {
		t.Errorf("it does not say %q: %s", want, refused.String())
	}
	if err := os.Chown(volume, 65532, 65532); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"first", "second"} {
		if out, status := i.healthy(t, volume); status != 1 || !strings.Contains(out, "not healthy: ") {
			t.Errorf("before the start: %d, %s", status, out)
		}
		var log bytes.Buffer
		cmd := i.command(volume, "/pando")
		cmd.Stderr = &log
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		await(t, "healthy", func() bool {
			out, status := i.healthy(t, volume)
			return status == 0 && out == `{"health": "true"}`+"\n"
		})
		put(t, "http://localhost:2379", "/"+round, "v")
		resp, err := http.Get("http://localhost:2379/v2/keys/first")
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || !strings.Contains(string(body), `"value":"v"`) {
			t.Errorf("%v: %s", err, body)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if err := cmd.Wait(); err != nil || !strings.Contains(log.String(), stopped) {
			t.Errorf("process 1 ended with %v:\n%s", err, log.String())
		}
	}
	if files, err := filepath.Glob(i.root + "/*"); err != nil || len(files) != 3 {
		t.Errorf("the image has %q, %v", files, err)
	}
}
