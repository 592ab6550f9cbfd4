// Package clients proves that programs which speak etcd's v2 API through
// their usual client libraries work against the real Pando binary, unchanged.
//
// Each client has a short program of its own in a directory below this one.
// A program takes the server's client URL as its only argument, checks every
// answer, and exits non-zero with a message that names what was wrong. It
// keeps to keys of its own, so that it may also be pointed at a server that
// holds other data.
//
// The tests run only with PANDO_TEST_CLIENTS=1, because they need what
// install.sh installs; asked for, they fail where something is missing.
package clients

import (
	"fmt"
	"os"
	"pando/test/asked"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	if asked.For("PANDO_TEST_CLIENTS", "the tests with real clients") {
		os.Exit(runAll(m))
	}
}

// runAll runs the tests with a scratch directory that they share for what is
// built once, and removes it afterwards.
func runAll(m *testing.M) int {
	dir, err := os.MkdirTemp("", "pando-clients-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	buildDir = dir
	return m.Run()
}

func TestCurl(t *testing.T) {
	run(t, "", "bash", "curl/program.sh", endpoint(t))
}

func TestEtcdctl(t *testing.T) {
	run(t, "", "bash", "etcdctl/program.sh", endpoint(t))
}

func TestEtcdctlAuth(t *testing.T) {
	run(t, "", "bash", "etcdctl/auth.sh", endpoint(t))
}

// The interpreter is named in full: python3-etcd is a Debian package, which
// another Python earlier in PATH would not find.
func TestPythonEtcd(t *testing.T) {
	run(t, "", "/usr/bin/python3", "python/program.py", endpoint(t))
}

// What these two wait for is mostly the end of keys that expire.
func TestTooz(t *testing.T) {
	t.Parallel()
	run(t, "", "/usr/bin/python3", "tooz/program.py", endpoint(t))
}

func TestCtdb(t *testing.T) {
	t.Parallel()
	run(t, "", "bash", "ctdb/program.sh", endpoint(t))
}

func TestCrypt(t *testing.T) {
	run(t, "", "bash", "crypt/program.sh", endpoint(t))
}

// TestVipManager has a network namespace to itself, in which an address may be put on an interface.
func TestVipManager(t *testing.T) {
	inside := namespace(t)
	startAt4001(t, inside)
	run(t, "", append(inside, "bash", "vipmanager/program.sh", "http://127.0.0.1:4001")...)
}

func TestNodeEtcd(t *testing.T) {
	run(t, "", "node", "node/program.js", endpoint(t))
}

func TestGoClientV2(t *testing.T) {
	run(t, "", goProgram(t, "clientv2"), endpoint(t))
}

// TestGoEtcd covers what TestGoEtcdOwnSuite leaves out.
func TestGoEtcd(t *testing.T) {
	run(t, "", goProgram(t, "goetcd"), endpoint(t))
}

// TestGoEtcdOwnSuite runs the tests that go-etcd itself ships. They know only
// http://127.0.0.1:4001, so server and suite share a network namespace in
// which that port is free. The four tests left out fail now and then on etcd
// too: TestSync wants three machines, TestSetCurlChan reads lines that it does
// not order, TestWatch and TestWatchAll count goroutines.
func TestGoEtcdOwnSuite(t *testing.T) {
	suite := goEtcdSuite(t)
	inside := namespace(t)
	startAt4001(t, inside)
	run(t, filepath.Dir(suite), append(inside, suite, "-test.v", "-test.timeout=50s",
		"-test.skip=^(TestSync|TestSetCurlChan|TestWatch|TestWatchAll)$")...)
}
