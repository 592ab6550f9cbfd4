package bench

import (
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/prometheus/procfs"
)

const listening = 0x0a // TCP_LISTEN, the state in /proc/net/tcp

// processes are servers on this machine whose CPU time and memory are read from /proc.
type processes struct {
	procs []procfs.Proc
	cpu   []float64 // seconds at the start
}

// find returns the processes that were named, or those that listen on endpoints of this machine.
// Those it may not look at are left out.
func find(o *Options) (*processes, error) {
	p := &processes{}
	pids := o.PIDs
	if len(pids) == 0 {
		pids = listeners(o.Endpoints)
	}
	for _, pid := range pids {
		proc, err := procfs.NewProc(pid)
		if err == nil {
			_, err = proc.Stat()
		}
		if err != nil {
			return nil, fmt.Errorf("process %d: %w", pid, err)
		}
		p.procs = append(p.procs, proc)
	}
	p.cpu = make([]float64, len(p.procs))
	return p, nil
}

// listeners are the ids of the processes that listen on loopback endpoints, each once.
func listeners(endpoints []string) []int {
	inodes := map[string]bool{}
	for _, e := range endpoints {
		address, _, _ := address(e) // Options.check has seen it
		host, port, _ := net.SplitHostPort(address)
		n, _ := strconv.ParseUint(port, 10, 16)
		ips, _ := net.LookupIP(host)
		for _, ip := range ips {
			if ip.IsLoopback() {
				addListening(inodes, ip, n)
			}
		}
	}
	if len(inodes) == 0 {
		return nil
	}
	all, err := procfs.AllProcs()
	if err != nil {
		return nil
	}
	var pids []int
	for _, p := range all {
		targets, err := p.FileDescriptorTargets()
		if err != nil || p.PID == 1 { // another user's; or systemd, which may hold the socket of a service
			continue
		}
		if slices.ContainsFunc(targets, func(t string) bool { return inodes[t] }) {
			pids = append(pids, p.PID)
		}
	}
	return pids
}

// addListening adds the sockets that listen on ip:port, as the links in /proc/PID/fd name them.
func addListening(inodes map[string]bool, ip net.IP, port uint64) {
	fs, err := procfs.NewDefaultFS()
	if err != nil {
		return
	}
	v4, _ := fs.NetTCP()
	v6, _ := fs.NetTCP6()
	for _, s := range slices.Concat(v4, v6) {
		if s.St == listening && s.LocalPort == port && (s.LocalAddr.IsUnspecified() || s.LocalAddr.Equal(ip)) {
			inodes[fmt.Sprintf("socket:[%d]", s.Inode)] = true
		}
	}
}

// start begins to count CPU time.
func (p *processes) start() {
	for i, proc := range p.procs {
		p.cpu[i] = cpuTime(proc)
	}
}

func cpuTime(p procfs.Proc) float64 {
	s, err := p.Stat()
	if err != nil {
		return 0 // it has ended
	}
	return s.CPUTime()
}

// measure returns what each has used since start, for so many requests.
func (p *processes) measure(requests int64) []Server {
	all := []Server{}
	for i, proc := range p.procs {
		s := Server{PID: proc.PID}
		if status, err := proc.NewStatus(); err == nil {
			s.RSS, s.RSSPeak = status.VmRSS, status.VmHWM
			s.CPUSeconds = round(max(0, cpuTime(proc)-p.cpu[i]), 2)
		}
		if requests > 0 {
			s.CPUPerRequest = round(s.CPUSeconds*1e6/float64(requests), 1)
		}
		all = append(all, s)
	}
	return all
}

// rss is the resident memory of all, in bytes.
func (p *processes) rss() uint64 {
	var sum uint64
	for _, proc := range p.procs {
		if status, err := proc.NewStatus(); err == nil {
			sum += status.VmRSS
		}
	}
	return sum
}
