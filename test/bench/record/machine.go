package record

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Machine is what the figures were taken on.
type Machine struct {
	CPU        string  `json:"cpu"`
	Cores      int     `json:"cores"`
	Memory     uint64  `json:"memory"` // bytes
	Kernel     string  `json:"kernel"`
	FileSystem string  `json:"fileSystem"` // of the data directories
	Load       float64 `json:"load"`       // runnable processes in the minute before the run
}

// Same reports whether figures of both can stand in one table.
func (m Machine) Same(o Machine) bool {
	m.Load, o.Load = 0, 0
	m.Kernel, o.Kernel = "", ""
	return m == o
}

// magic numbers of statfs(2), for the file systems that data directories are usually on.
var fileSystems = map[int64]string{
	unix.EXT4_SUPER_MAGIC: "ext4", unix.XFS_SUPER_MAGIC: "xfs", unix.BTRFS_SUPER_MAGIC: "btrfs",
	unix.OVERLAYFS_SUPER_MAGIC: "overlayfs", unix.TMPFS_MAGIC: "tmpfs",
}

// ThisMachine looks at the machine and at the file system that dir is on. It is an error if that one is in memory, where
// nothing that is measured would have to wait for a disk.
func ThisMachine(dir string) (Machine, error) {
	m := Machine{CPU: cpuModel(), Cores: runtime.NumCPU()}
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return m, err
	}
	m.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return m, err
	}
	m.Memory = info.Totalram * uint64(info.Unit)
	m.Load = float64(info.Loads[0]) / (1 << 16)
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return m, err
	}
	known := false
	if m.FileSystem, known = fileSystems[fs.Type]; !known {
		m.FileSystem = fmt.Sprintf("file system %#x", fs.Type)
	}
	if m.FileSystem == "tmpfs" {
		return m, fmt.Errorf("%s is in memory; name a directory on a disk", dir)
	}
	return m, nil
}

// cpuModel is the first processor's name in /proc/cpuinfo.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}
