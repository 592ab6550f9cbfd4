package bench

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"pando/test/server"
)

// idleTime is how long BenchmarkIdle looks on, after idleSettle without a request.
const (
	idleTime   = 60 * time.Second
	idleSettle = 5 * time.Second
)

// BenchmarkIdle is the CPU time that three members need to do nothing, with the
// default timeouts: percent of a core for each member. Binaries of etcd that
// PANDO_BENCH_ETCD names, separated by commas, form clusters of their own that idle
// at the same time, so that all see the same machine.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		clusters := map[string][]*server.Server{"pando": startThree(b, "")}
		for _, path := range strings.FieldsFunc(os.Getenv("PANDO_BENCH_ETCD"), func(r rune) bool { return r == ',' }) {
			clusters[filepath.Base(path)] = startThree(b, path)
		}
		<-time.After(idleSettle)
		began := time.Now()
		before := map[string]time.Duration{}
		for name, members := range clusters {
			before[name] = cpuTime(b, members)
		}
		<-time.After(idleTime)
		for name, members := range clusters {
			share := (cpuTime(b, members) - before[name]).Seconds() / float64(len(members)) / time.Since(began).Seconds()
			b.ReportMetric(100*share, name+"-%cpu")
		}
	}
}

// startThree starts a cluster of three members that dial each other directly.
func startThree(b *testing.B, binary string) (members []*server.Server) {
	b.Helper()
	var peers, initial []string
	for i := range 3 {
		peers = append(peers, server.FreeAddr(b))
		initial = append(initial, fmt.Sprintf("m%d=http://%s", i, peers[i]))
	}
	args := []string{"--initial-cluster", strings.Join(initial, ",")}
	if strings.HasPrefix(version(b, binary), "etcd Version: 3") {
		args = append(args, "--enable-v2")
	}
	for i, peer := range peers {
		members = append(members, server.Launch(b, server.Options{Binary: binary, Name: fmt.Sprintf("m%d", i), Peer: peer, Args: args}))
	}
	for _, m := range members {
		if err := m.Ready(30 * time.Second); err != nil {
			b.Fatalf("%v\n%s", err, m.Log())
		}
	}
	return members
}

// cpuTime is what processes have used so far, in user and in kernel mode.
func cpuTime(b *testing.B, members []*server.Server) (sum time.Duration) {
	b.Helper()
	for _, m := range members {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", m.PID()))
		if err != nil {
			b.Fatal(err)
		}
		// proc(5): fields 14 and 15, in hundredths of a second; the second one, the name in brackets, may hold blanks.
		_, rest, _ := strings.Cut(string(stat), ") ")
		for _, field := range strings.Fields(rest)[11:13] {
			ticks, err := strconv.Atoi(field)
			if err != nil {
				b.Fatal(err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum
}

// version is what a binary says that it is; "" for Pando.
func version(b *testing.B, binary string) string {
	b.Helper()
	if binary == "" {
		return ""
	}
	out, err := exec.Command(binary, "--version").Output()
	if err != nil {
		b.Fatalf("%s --version: %v", binary, err)
	}
	return string(out)
}
