package raft

import (
	"strconv"
	"sync/atomic"
	"time"
)

// IDs makes request IDs as etcd does: 16 bits of the member ID, 40 bits of unix
// milliseconds, and an 8-bit counter that may carry (etcd-compat spec, section
// 3). They are unique within a process; two members whose low bits are equal, or
// a clock set back, can repeat one, which is why a waiter also compares bytes.
type IDs struct{ next atomic.Uint64 }

// NewIDs starts a sequence for a member at the given time.
func NewIDs(memberID uint64, now time.Time) *IDs {
	var g IDs
	const millis = 1<<40 - 1
	g.next.Store(memberID<<48 | uint64(now.UnixMilli())&millis<<8)
	return &g
}

// Next returns an ID that this sequence has not returned before. Any goroutine.
func (g *IDs) Next() uint64 { return g.next.Add(1) }

// FormatID prints a member or cluster ID as etcd does: lower-case hex without
// leading zeros (etcd-compat spec, section 6).
func FormatID(id uint64) string { return strconv.FormatUint(id, 16) }
