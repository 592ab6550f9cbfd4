package clients

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// programTimeout is how long one client program may take, start to end.
const programTimeout = 55 * time.Second

// buildDir holds what is built once and shared by the tests; TestMain owns it.
var buildDir string

// run runs a command to its end in dir ("" = this package's directory) and
// fails the test with all that it printed unless it exits 0 in time.
func run(t *testing.T, dir string, command ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), programTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir = dir
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(command, " "), err, out)
	}
	t.Logf("%s", bytes.TrimSpace(out))
}

// goTool runs the go command in dir and returns what it printed on standard
// output. The nested modules must not be seen through a workspace.
func goTool(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", &goToolError{args: args, output: stderr.String(), err: err}
	}
	return strings.TrimSpace(string(out)), nil
}

// goToolError is a failed go command with what it printed on standard error.
type goToolError struct {
	args   []string
	output string
	err    error
}

func (e *goToolError) Error() string {
	return "go " + strings.Join(e.args, " ") + ": " + e.err.Error() + "\n" + e.output
}

// buildGoPrograms builds the programs of the module in golang, once.
var buildGoPrograms = sync.OnceValue(func() error {
	_, err := goTool("golang", "build", "-o", buildDir+string(filepath.Separator), "./...")
	return err
})

// goProgram returns the path of a built program of the module in golang.
func goProgram(t *testing.T, name string) string {
	t.Helper()
	if err := buildGoPrograms(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(buildDir, name)
}

// goEtcdSuite builds the tests that the module github.com/coreos/go-etcd
// ships, from a copy of the module (it has no go.mod), and returns the path
// of the test program. It must run in its own directory, where it writes.
func goEtcdSuite(t *testing.T) string {
	t.Helper()
	src, err := goTool("golang", "list", "-m", "-f", "{{.Dir}}", "github.com/coreos/go-etcd")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(src, "etcd"))); err != nil {
		t.Fatalf("go-etcd's sources (is its module downloaded?): %v", err)
	}
	mod := []byte("module github.com/coreos/go-etcd/etcd\n\ngo 1.17\n")
	if err := os.WriteFile(filepath.Join(dir, "go.mod"), mod, 0o644); err != nil {
		t.Fatal(err)
	}
	suite := filepath.Join(dir, "suite")
	if _, err := goTool(dir, "test", "-c", "-vet=off", "-o", suite); err != nil {
		t.Fatal(err)
	}
	return suite
}
