package fault

import (
	"bytes"
	"os"
	"testing"

	"pando/test/server"
)

// TestReleaseHasNoFaults: what lets tests break a server's disk and clock is not in the binary that users run.
func TestReleaseHasNoFaults(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{server.Build(t): false, server.BuildFaults(t): true} {
		binary, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, trace := range []string{"PANDO_FAULTS", "host_faults.go", "fsys.hooked", "fsys.Hook", "pando/server.steer"} {
			if has := bytes.Contains(binary, []byte(trace)); has != want {
				t.Errorf("%s has %q: %v", name, trace, has)
			}
		}
	}
	socket := server.NewFaultSocket()
	s := server.Start(t, server.Options{Env: []string{socket.Env(server.Faults{FailSync: true})}})
	said(t, s.Log(), "WARN", "unrecognized environment variable PANDO_FAULTS")
	if err := socket.Set(server.Faults{}); err == nil {
		t.Error("it takes faults")
	}
}
