package cluster

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// owner finds which of the processes holds the other end of a connection over the loopback interface, or -1: the
// kernel lists all sockets with their inode, and the open files of each process with theirs.
func owner(c net.Conn, pids []int) int {
	here, there := c.LocalAddr().(*net.TCPAddr), c.RemoteAddr().(*net.TCPAddr)
	inode, err := socketInode(there.AddrPort().Port(), here.AddrPort().Port())
	if err != nil {
		return -1
	}
	want := fmt.Sprintf("socket:[%s]", inode)
	for i, pid := range pids {
		if pid > 0 && holds(pid, want) {
			return i
		}
	}
	return -1
}

// socketInode finds the TCP socket with these two ports. Ports alone will do: all members live on 127.0.0.1.
func socketInode(local, remote uint16) (string, error) {
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		return "", err
	}
	lines := bufio.NewScanner(bytes.NewReader(table))
	for lines.Scan() {
		const localAt, remoteAt, inodeAt = 1, 2, 9
		f := strings.Fields(lines.Text())
		if len(f) > inodeAt && portOf(f[localAt]) == local && portOf(f[remoteAt]) == remote {
			return f[inodeAt], nil
		}
	}
	return "", fmt.Errorf("no socket from port %d to port %d", local, remote)
}

// portOf reads "0100007F:1F90"; what is not an address has port 0, which no connection has.
func portOf(addr string) uint16 {
	_, hex, _ := strings.Cut(addr, ":")
	port, err := strconv.ParseUint(hex, 16, 16)
	if err != nil {
		return 0
	}
	return uint16(port)
}

func holds(pid int, file string) bool {
	links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	if err != nil {
		return false
	}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil && to == file {
			return true
		}
	}
	return false
}
