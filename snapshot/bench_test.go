package snapshot

import (
	"testing"

	"pando/fsys"
)

// benchPayload is 32 MiB that cost nothing.
const benchPayload big = 8 << 10

// BenchmarkWrite is the frame, its checksum and the disk.
func BenchmarkWrite(b *testing.B) {
	b.SetBytes(32 << 20)
	b.ReportAllocs()
	dir := b.TempDir()
	for b.Loop() {
		if _, err := Write(fsys.OS, dir, meta(7), benchPayload, committed); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkOpen is what is verified before anything is decoded.
func BenchmarkOpen(b *testing.B) {
	file, err := Write(fsys.OS, b.TempDir(), meta(7), benchPayload, committed)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(32 << 20)
	b.ReportAllocs()
	for b.Loop() {
		r, err := Open(fsys.OS, file)
		if err != nil {
			b.Fatal(err)
		}
		r.Close()
	}
}
