package measure

import (
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// bareSync is what a write has to wait for at least: pwrite of a small record into a file of 8 MiB that is filled with zeros
// and synced beforehand, as a segment of the log is, then fdatasync. It returns the median and the 99th percentile in
// microseconds.
func bareSync(dir string, during time.Duration) (p50, p99 float64, err error) {
	const fileSize, recordSize = 8 << 20, 256
	f, err := os.Create(filepath.Join(dir, "bare"))
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	if _, err := f.Write(make([]byte, fileSize)); err != nil {
		return 0, 0, err
	}
	if err := f.Sync(); err != nil {
		return 0, 0, err
	}
	record := []byte(make([]byte, recordSize))
	for i := range record {
		record[i] = byte(i)
	}
	var all []time.Duration
	for end := time.Now().Add(during); time.Now().Before(end) || len(all) == 0; {
		began := time.Now()
		if _, err := f.WriteAt(record, int64(len(all)*recordSize%fileSize)); err != nil {
			return 0, 0, err
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			return 0, 0, err
		}
		all = append(all, time.Since(began))
	}
	slices.Sort(all)
	at := func(part int) float64 { return float64(all[len(all)*part/100].Nanoseconds()) / 1000 }
	return at(50), at(99), nil
}
