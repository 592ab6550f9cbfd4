package raft

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"

	"pando/fsys"
	"pando/snapshot"
	"pando/test/nosync"
)

// tally is a state machine that costs nothing.
type tally struct{}

func (tally) Apply(_, _ uint64, data []byte) (uint64, any, error) {
	return binary.BigEndian.Uint64(data), nil, nil
}
func (tally) Replay(_, _ uint64, _ []byte) error            { return nil }
func (tally) Light([]byte) bool                             { return true }
func (tally) ApplyConfChange(*raftpb.ConfChange) bool       { return true }
func (tally) Levels() Levels                                { return allPando }
func (tally) Publish(_, _ uint64)                           {}
func (tally) Notify()                                       {}
func (tally) Image() snapshot.Payload                       { return image(nil) }
func (tally) Prepare(io.Reader) (install func(), err error) { return func() {}, nil }

// BenchmarkPropose is what a write of 150 bytes costs below the API, with so many writers. cpu-µs/op and
// switches/op are those of the whole process, all members together.
//
//	go test -run '^$' -bench Propose -benchmem ./raft
func BenchmarkPropose(b *testing.B) {
	for name, f := range map[string]fsys.FS{"nosync": nosync.FS, "durable": fsys.OS} {
		for _, members := range []int{1, 3} {
			for _, writers := range []int{1, 64} {
				b.Run(fmt.Sprintf("%s/members=%d/writers=%d", name, members, writers), func(b *testing.B) {
					benchmarkPropose(b, f, members, writers)
				})
			}
		}
	}
}

func benchmarkPropose(b *testing.B, f fsys.FS, members, writers int) {
	leader := benchmarkCluster(b, f, members)
	b.ReportAllocs()
	b.ResetTimer()
	before := usage(b)
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				id := leader.NextID()
				if _, err := leader.Propose(context.Background(), id, binary.BigEndian.AppendUint64(make([]byte, 0, 150), id)[:150]); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
	b.StopTimer()
	after, n := usage(b), float64(b.N)
	spent := time.Duration(after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano())
	b.ReportMetric(float64(spent.Microseconds())/n, "cpu-µs/op")
	b.ReportMetric(float64(after.Nvcsw+after.Nivcsw-before.Nvcsw-before.Nivcsw)/n, "switches/op")
}

func usage(b *testing.B) (u syscall.Rusage) {
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u
}

// benchmarkCluster returns the leader of a cluster.
func benchmarkCluster(b *testing.B, f fsys.FS, members int) *Node {
	wires := newNetwork(b)
	var nodes []*Node
	for id := range uint64(members) {
		cfg := testConfig(b, f, b.TempDir())
		cfg.Heartbeat, cfg.Election = 100*time.Millisecond, time.Second
		cfg.Transport = port{wires, id + 1}
		cfg.Bootstrap = func() (Bootstrap, error) {
			start := Bootstrap{MemberID: id + 1, ClusterID: 9}
			for id := range uint64(members) {
				start.Members = append(start.Members, Member{ID: id + 1, Context: contextOf(AddVoter, id+1)})
			}
			return start, nil
		}
		node, err := Start(cfg, tally{})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { node.Close() })
		wires.set(id+1, node, false)
		nodes = append(nodes, node)
	}
	for _, node := range nodes {
		<-node.Ready()
	}
	return nodes[nodes[0].Status().Leader-1]
}
