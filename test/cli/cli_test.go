// Package cli holds sessions with the real binary, as a user at a shell would have them: testdata/*.txtar.
//
// Besides testscript's own commands there are two. `code N prog args...` runs a program that has to exit with code N,
// where `! exec` would take any. `free NAME` sets the variable to a host:port that nobody listens on.
package cli

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"pando/test/server"
)

func TestSessions(t *testing.T) {
	binary := server.Build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			// The binary may have any name; in the sessions it is pando.
			bin := filepath.Join(e.WorkDir, ".bin")
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			return errors.Join(os.Mkdir(bin, 0o700), os.Symlink(binary, filepath.Join(bin, "pando")))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"code": code,
			"free": func(ts *testscript.TestScript, neg bool, args []string) { ts.Setenv(args[0], server.FreeAddr(t)) },
		},
		RequireExplicitExec: true,
	})
}

// code is `exec` for programs that have to fail in one way only.
func code(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: code N program [argument ...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
