package server

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// binaryEnv names a Pando that is to be tested instead of one that is built from the source.
const binaryEnv = "PANDO_TEST_BINARY"

// Build returns the path of the Pando binary: what PANDO_TEST_BINARY names, or else the one that `go build` makes of
// the module this test belongs to, once for each test process. It fails the test if that does not compile.
func Build(t testing.TB) string {
	t.Helper()
	return built(t, build)
}

// BuildFaults is Build for a binary that a test can give a disk and a clock with faults, see Faults. It is always built
// from the source.
func BuildFaults(t testing.TB) string {
	t.Helper()
	return built(t, buildFaults)
}

func built(t testing.TB, build func() (string, error)) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var build = sync.OnceValues(func() (string, error) {
	if path := os.Getenv(binaryEnv); path != "" {
		return filepath.Abs(path)
	}
	return compile("pando")
})

var buildFaults = sync.OnceValues(func() (string, error) { return compile("pando-faults", "-tags", "faults") })

// compile makes a binary of a name with further flags of go build.
func compile(name string, flags ...string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no place for the binary; name one in %s: %w", binaryEnv, err)
	}
	// The file stays for the next test process, which replaces it: a running server keeps the file it was started from. Another
	// checkout on this machine has its own.
	dir := filepath.Join(cache, "pando-test", fmt.Sprintf("%x", sha256.Sum256([]byte(root)))[:16])
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	fresh := filepath.Join(dir, fmt.Sprintf("%s.%d", name, os.Getpid()))
	cmd := exec.Command("go", append(append([]string{"build"}, flags...), "-o", fresh, ".")...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w\n%s", err, out)
	}
	path := filepath.Join(dir, name)
	return path, os.Rename(fresh, path)
}

// moduleRoot is the folder with go.mod above the test's working directory.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fmt.Errorf("no go.mod above the working directory; name a binary in %s", binaryEnv)
		}
		dir = up
	}
}
