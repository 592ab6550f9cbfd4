//go:build !faults

package server

import (
	"time"

	"pando/fsys"
)

// What the server has from the machine that it runs on. Built with the tag
// faults, for tests, it has host_faults.go instead, where a test can make the
// disk slow, full or broken and set the clock.

// hostFS is the file system that the data directory is on.
func hostFS() fsys.FS { return fsys.OS }

// hostTime is the wall clock: what keys expire by and remaining TTLs are shown
// by. Nothing else depends on it; intervals are measured by the monotonic clock.
func hostTime() time.Time { return time.Now() }
