// Package netns gives the tests of a package a network of their own, in which every port is free: for those that need
// ports that are fixed, because a recorded data directory or a file that users get names them. Nothing from outside can
// be reached there, and nobody outside can be.
//
//	func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
//
// All processes that the tests start are in there as well.
package netns

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// inside marks the process that runs the tests.
const inside = "PANDO_TEST_IN_NETNS"

// Run runs the tests in a process of their own in a new network, and returns the exit code of both. Where the kernel
// allows no network without root, it says in one line that the tests were left out, except on CI (CI or PANDO_CI is
// set), where they have to run.
func Run(m *testing.M) int {
	if os.Getenv(inside) != "" {
		if err := loopbackUp(); err != nil {
			fmt.Fprintln(os.Stderr, "the loopback interface of a new network:", err)
			return 1
		}
		return m.Run()
	}
	// What the system watches is the thread that has started the child.
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if uid := os.Geteuid(); uid != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: uid, Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		if errors.Is(err, syscall.EPERM) && os.Getenv("CI") == "" && os.Getenv("PANDO_CI") == "" {
			fmt.Printf("left out: tests in a network of their own (%v)\n", err)
			return 0
		}
		fmt.Fprintln(os.Stderr, "a network of the tests' own:", err)
		return 1
	}
	_ = cmd.Wait() // the exit code tells
	if code := cmd.ProcessState.ExitCode(); code >= 0 {
		return code
	}
	return 1
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	loopback, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	loopback.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, loopback)
}
