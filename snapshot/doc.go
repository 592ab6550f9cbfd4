// Package snapshot writes and finds .snap files, in etcd's frame (etcd-compat spec, section 5):
//
//	TTTTTTTTTTTTTTTT-IIIIIIIIIIIIIIII.snap   term and index of the last entry that it covers, in hex
//
//	file     = protobuf { 1 crc, 2 data }                crc: CRC-32C of data
//	data     = protobuf { 1 payload, 2 metadata }
//	metadata = protobuf { 1 conf state, 2 index, 3 term }
//	conf state = protobuf { 1 voter, repeated; 2 learner, repeated }
//
// The payload is the caller's. It is written and read as a stream: memory does not grow with its size.
//
// A file has its name only when it is whole, durable and known to the log, so a crash leaves at most a .snap.tmp file,
// which the next Write removes, or one of a snapshot that another member sent, which RemoveLeftovers removes. A file that cannot be read is set aside as .broken, as etcd does.
package snapshot
