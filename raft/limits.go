package raft

// Bounds of one node's memory and batches, in bytes unless said otherwise
// (replication design, section 1). TestBoundsAddUp holds their sum.
const (
	// maxSizePerMsg bounds the entries of one append message to a follower.
	maxSizePerMsg = 512 << 10
	// maxInflightMsgs bounds append messages on their way to one follower (a count).
	maxInflightMsgs = 256
	// maxInflightBytes bounds their size.
	maxInflightBytes = 16 << 20
	// maxUncommitted bounds what a leader has appended but not committed.
	maxUncommitted = 64 << 20
	// maxApplying bounds the committed entries handed to the apply goroutine.
	maxApplying = 8 << 20
	// maxPublished bounds the entries that are published at once, but for those that are replayed (a count): far fewer
	// than the events that watchers may look back on, so that no stream which keeps
	// up is overtaken by a single batch.
	maxPublished = 256
	// maxQueued bounds proposals waiting for the loop.
	maxQueued = 16 << 20
	// maxWaiting bounds the proposals whose callers wait, wherever they are: those that a
	// follower has handed to its leader are in no queue.
	maxWaiting = maxQueued + maxUncommitted + maxApplying
	// maxBatch bounds the proposals that are stepped, and so written, at once. A
	// single larger proposal goes alone.
	maxBatch = 4 << 20
	// maxProposal bounds one proposal: a form body of 10 MiB, whose keys and
	// values can only shrink by decoding, and room for the record around it.
	maxProposal = 12 << 20
	// keepEntries is how many applied entries stay in memory for lagging
	// followers (a count), keepBytes their size.
	keepEntries = 5000
	keepBytes   = 64 << 20
	// maxPinned bounds the log that is kept for a member until it has its snapshot
	// and replicates; entryCost is what an entry takes besides its data.
	maxPinned = 256 << 20
	entryCost = 160
)

// minSnapshotBytes is the least amount of log that earns a snapshot. Above it a
// snapshot is taken when the log has grown by as much as the last snapshot was
// large, so that its cost per write stays constant as the tree grows.
const minSnapshotBytes = 32 << 20
