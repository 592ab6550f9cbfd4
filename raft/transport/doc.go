// Package transport carries raft messages between the members of a cluster, in etcd's wire protocol (etcd-compat spec,
// section 7), so that a member may be Pando or etcd 2.3. The streams are etcd's own rafthttp; what faces the network in
// front of it is ours.
//
// # What it promises
//
//   - Send never blocks. A message may be lost; a loss that is noticed is reported to the Handler as an unreachable member. A proposal is
//     delivered once at most, anything else perhaps twice, if its receiver had been silent.
//   - The Handler gets only messages that a known member sent to this one, and that hold together in themselves: no message
//     types that belong inside a process, entries without a gap, conf changes that can be decoded, snapshots with a
//     plausible configuration. What depends on this member's own log it cannot know.
//   - Bodies are bounded: 64 MiB for a message, and one snapshot at a time. What waits for a Pando that does not read is, too: 32 MiB.
//   - Broken is called within milliseconds when the process of a peer that is Pando ends, however it ends.
//   - After Stop the Handler and the callbacks are not called again.
//
// # What it asks of its caller
//
//   - The methods of the Handler and the callbacks do not block for long and do not call the Transport. Process may: it waits as
//     long as its context lasts, and whatever it leads to may send messages and change peers.
//   - A message that was given to Send, and all it points to, is not changed any more.
//   - HTTP is mounted on a server without read and write timeouts (the streams and the presence connections are open for
//     as long as both members live), and with a timeout for headers. Stop comes before the server's Shutdown, which waits
//     for those connections.
//
// # The peer port
//
//	POST /raft                          one message                        post.go
//	GET  /raft/stream/{message,msgapp}/ rafthttp's streams, behind a guard guard.go
//	POST /raft/snapshot                 a snapshot as a stream, from Pando  receive.go
//	GET  /raft/presence                 held open between Pandos, with the presence.go, stream.go,
//	                                    messages to who has asked for it   listen.go
//	GET  /raft/probing                  rafthttp's, open to everybody
//
// A member trusts the peers that it dials: rafthttp ends the process on an answer that cannot be decoded. That is why the
// peer port belongs into a network of its own or behind mutual TLS.
//
// # Goroutines
//
// Stop waits for all that can reach the Handler, a callback or a connection. What rafthttp leaves to itself (two dispatchers
// per peer) ends by itself right after, touching nothing.
package transport
