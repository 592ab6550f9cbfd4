package cluster

import (
	"encoding/binary"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// owner finds which of the processes holds the other end of a connection over the loopback interface, or -1: the
// kernel tells a socket's inode, and /proc the sockets that each process has open.
func owner(c net.Conn, pids []int) int {
	inode, err := socketInode(c.RemoteAddr().(*net.TCPAddr), c.LocalAddr().(*net.TCPAddr))
	if err != nil {
		return -1
	}
	want := fmt.Sprintf("socket:[%d]", inode)
	for i, pid := range pids {
		if pid > 0 && holds(pid, want) {
			return i
		}
	}
	return -1
}

// Sizes and places in the messages of sock_diag(7).
const (
	headerSize  = 16 // nlmsghdr
	requestSize = 56 // inet_diag_req_v2
	answerSize  = 72 // inet_diag_msg
	idAt        = 8  // inet_diag_sockid within the request
	inodeAt     = 68 // within the answer
)

// socketInode asks the kernel for the IPv4 TCP socket between two addresses. (/proc/net/tcp lists it too, among all others: thousands
// that wait for their last packets where many short connections are made, which takes too long.)
func socketInode(local, remote *net.TCPAddr) (uint32, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, unix.NETLINK_INET_DIAG)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	native := binary.NativeEndian
	b := make([]byte, headerSize+requestSize)
	native.PutUint32(b, uint32(len(b)))
	native.PutUint16(b[4:], unix.SOCK_DIAG_BY_FAMILY)
	native.PutUint16(b[6:], unix.NLM_F_REQUEST)
	request := b[headerSize:]
	request[0], request[1] = unix.AF_INET, unix.IPPROTO_TCP
	native.PutUint32(request[4:], ^uint32(0)) // in whatever state
	id := request[idAt:]
	binary.BigEndian.PutUint16(id, local.AddrPort().Port())
	binary.BigEndian.PutUint16(id[2:], remote.AddrPort().Port())
	copy(id[4:], local.IP.To4())
	copy(id[20:], remote.IP.To4())
	native.PutUint64(id[40:], ^uint64(0)) // no cookie
	if err := unix.Sendto(fd, b, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return 0, err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return 0, err
	}
	if n < headerSize+answerSize || native.Uint16(answer[4:]) != unix.SOCK_DIAG_BY_FAMILY {
		return 0, fmt.Errorf("no socket from %v to %v", local, remote)
	}
	return native.Uint32(answer[headerSize+inodeAt:]), nil
}

func holds(pid int, file string) bool {
	dir := fmt.Sprintf("/proc/%d/fd/", pid)
	files, err := os.ReadDir(dir)
	if err != nil {
		return false
	}
	for _, f := range files {
		if to, err := os.Readlink(dir + f.Name()); err == nil && to == file {
			return true
		}
	}
	return false
}
