package raft

import "testing"

// A node's own buffers are bounded, and their sum is something that an operator
// can plan with (replication design, section 1).
func TestBoundsAddUp(t *testing.T) {
	const planned = 512 << 20
	sum := maxWaiting + // proposals of this member's own clients
		maxQueued + maxUncommitted + // appended by a leader, not committed
		2*maxBatch + // appended by a leader whose disk is slow
		maxApplying + // handed to the apply goroutine
		max(2*keepBytes, maxPinned) + // the log in memory, just before it is compacted
		maxInflightBytes // on the way to a follower
	if sum > planned {
		t.Errorf("the bounds add up to %d MiB, want at most %d MiB", sum>>20, planned>>20)
	}
	if maxProposal > maxQueued {
		t.Errorf("a proposal of %d bytes is allowed but never fits the queue of %d", maxProposal, maxQueued)
	}
	if maxBatch < maxSizePerMsg {
		t.Errorf("a batch of %d bytes is smaller than one message of %d", maxBatch, maxSizePerMsg)
	}
}
