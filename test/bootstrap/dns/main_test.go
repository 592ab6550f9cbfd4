package dns

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"pando/test/asked"
	"path/filepath"
	"testing"
)

// insideEnv tells the process in the namespace where it is.
const insideEnv = "PANDO_TEST_DNS_INSIDE"

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(insideEnv) != "" {
		os.Exit(m.Run())
	}
	if !asked.For("PANDO_TEST_BOOTSTRAP", "the tests of DNS") {
		return
	}
	if os.Geteuid() != 0 && os.Getenv("CI") == "" && os.Getenv("PANDO_CI") == "" {
		fmt.Println("left out: bootstrap through DNS (a network namespace takes root)")
		return
	}
	code, err := inNamespace(fmt.Sprintf("pando-dns-%d", os.Getpid()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// inNamespace runs this test process again in a namespace of its own, and returns its exit code.
func inNamespace(name string) (code int, err error) {
	// `ip netns exec` mounts the files of this directory over those in /etc.
	etc := filepath.Join("/etc/netns", name)
	if err := os.MkdirAll(etc, 0o755); err != nil {
		return 0, err
	}
	defer os.RemoveAll(etc)
	for file, text := range map[string]string{
		"resolv.conf":   "nameserver 127.0.0.1\noptions timeout:1 attempts:2\n",
		"nsswitch.conf": "hosts: files dns\n",
		"hosts":         "127.0.0.1 localhost\n",
	} {
		if err := os.WriteFile(filepath.Join(etc, file), []byte(text), 0o644); err != nil {
			return 0, err
		}
	}
	if err := run("ip", "netns", "add", name); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, run("ip", "netns", "delete", name)) }()
	if err := run("ip", "-n", name, "link", "set", "lo", "up"); err != nil {
		return 0, err
	}
	cmd := exec.Command("ip", append([]string{"netns", "exec", name}, os.Args...)...)
	cmd.Env = append(os.Environ(), insideEnv+"=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err = cmd.Run()
	var failed *exec.ExitError
	if errors.As(err, &failed) {
		return failed.ExitCode(), nil
	}
	return 0, err
}

func run(args ...string) error {
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%v: %w: %s", args, err, out)
	}
	return nil
}
