// Package wal is the raft log on disk, in the format of etcd 2.3: etcd 2.3, 3.4 and 3.5 read what it writes, after every
// single write, and it reads what they wrote (etcd-compat spec, section 2).
//
// # Files
//
// A log is a directory of segments named SSSSSSSSSSSSSSSS-IIIIIIIIIIIIIIII.wal: number of the segment and index of its
// first entry, in hex. A segment is a sequence of frames: eight bytes of length, little-endian, and a protobuf Record of
// type, crc and data. The crc of a record is the running CRC-32C of all data so far, across segments.
//
//	segment = header batch, batches, filler
//	header  = crc record, metadata, snapshot record (first segment) or hard state (later ones)
//	batch   = records that were written by one call of Append; the first one carries a mark
//	filler  = a crc record that reaches to the end of the file, in an unknown field, and carries no data
//
// Segments have their final size, in zeros, before their first record: a background goroutine prepares the next one as
// N.tmp. A batch and the filler behind it are one write, over the filler of the batch before. etcd 2.3 does not know
// zeros as the end of a log, and the filler is what makes the file valid for it.
//
// # Torn or damaged
//
// After a crash the last batch may be there in part. It was never acknowledged, so it is cut. Anything else that cannot
// be read may have been acknowledged, and Look refuses with ErrDamaged. To tell the two apart, disks are taken to write
// sectors of 512 bytes as a whole: a sector of a torn batch is new or it is as before, which is zeros, or, for the
// first one, the filler. The mark in the first record of a batch says how long the batch is and how many of its
// sectors are zeros by themselves, and has a checksum of the batch, which covers what etcd's crc leaves out. Thus:
//
//   - a batch with more sectors of zeros than its mark says, without a filler, or beyond the end of the file, is torn;
//   - unless a whole batch lies behind it, which is not written before the one in front of it is durable;
//   - a batch that is complete but wrong is damaged, also if it is the last one.
//
// Neither a mark nor a filler lies across two sectors: a batch is lengthened by up to 31 bytes for that.
//
// Records of etcd have no mark. There a last record is torn if the file ends inside it or one of its sectors is zeros.
//
// # Where a log ends
//
// When a log does not end with a filler, because etcd wrote it last or because a torn end was cut, Open begins a new
// segment before it returns. That is one rename, so a crash leaves the old end or the new segment.
package wal
