package fault

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"testing"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func sum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// frame is a record of a log file: 8 bytes of length, then the record (etcd-compat spec, section 2).
type frame struct {
	offset, end int64
	kind        byte
	begins      bool // a batch, which is one write
}

const (
	frameHeader = 8
	lengthBits  = 1<<56 - 1

	markTag   = 14<<3 | 2 // what Pando puts first in the first record of a batch; short
	typeTag   = 1<<3 | 0  // what is first otherwise
	crcRecord = 4
)

// kindOf tells the type of a record, 0 if this is none.
func kindOf(record []byte) byte {
	if len(record) > 2 && record[0] == markTag {
		record = record[min(2+int(record[1]), len(record)):]
	}
	if len(record) < 2 || record[0] != typeTag {
		return 0
	}
	return record[1]
}

// frames reads the records of a log file, the filler at its end left out; there must be some.
func frames(t *testing.T, file string) (list []frame) {
	t.Helper()
	data := read(t, file)
	for at := int64(0); at+frameHeader < int64(len(data)); {
		length := int64(binary.LittleEndian.Uint64(data[at:]) & lengthBits)
		end := at + frameHeader + length
		if end > int64(len(data)) || kindOf(data[at+frameHeader:end]) == 0 {
			break
		}
		list = append(list, frame{at, end, kindOf(data[at+frameHeader : end]), data[at+frameHeader] == markTag})
		at = end
	}
	if len(list) == 0 {
		t.Fatalf("%s has no records", file)
	}
	if n := len(list); n > 1 && list[n-1].kind == crcRecord {
		list = list[:n-1]
	}
	return list
}

// end is where the records of a log file end and its filler begins.
func end(t *testing.T, file string) int64 {
	t.Helper()
	list := frames(t, file)
	return list[len(list)-1].end
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// overwrite puts data into a file at an offset.
func overwrite(t *testing.T, file string, offset int64, data []byte) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(data, offset); err != nil {
		t.Fatal(err)
	}
}

// flip turns one bit over.
func flip(t *testing.T, file string, offset int64) {
	t.Helper()
	overwrite(t, file, offset, []byte{read(t, file)[offset] ^ 0x10})
}

// extend puts data behind the end of a file.
func extend(t *testing.T, file string, data []byte) {
	t.Helper()
	overwrite(t, file, int64(len(read(t, file))), data)
}

// truncate cuts a file off.
func truncate(t *testing.T, file string, size int64) {
	t.Helper()
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
}

// blank puts zeros over a file from an offset to its end.
func blank(t *testing.T, file string, offset int64) {
	t.Helper()
	overwrite(t, file, offset, bytes.Repeat([]byte{0}, len(read(t, file))-int(offset)))
}
