package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"

	"pando/config"
)

// limitMemory has the garbage collector work harder as the process comes near the limit. Without one, what the environment
// says holds (GOMEMLIMIT).
func limitMemory(cfg *config.Config) {
	if cfg.Limits.Memory > 0 {
		debug.SetMemoryLimit(cfg.Limits.Memory)
	}
}

const (
	// leastGarbage is how much garbage there may be before it is looked for, however little is in use: in bytes.
	leastGarbage = 12 << 20
	// usualPercent is how much there may be otherwise, of what is in use: Go's own measure.
	usualPercent = 100
)

// letGarbageGather has the garbage collector wait for leastGarbage. Left to itself it waits until there is as much garbage as there is
// in use, which under a load is several times a second where little is, and costs a tenth of a write. A GOGC in the environment
// holds. A memory limit does too: near it the runtime passes over what is set here.
func letGarbageGather() {
	if os.Getenv("GOGC") == "" {
		afterCollection(usualPercent)
	}
}

// afterCollection waits, without a goroutine, for the end of a collection, sets what the next one waits for, and so on. percent is
// what was set last.
func afterCollection(percent int) {
	// The object is garbage at once. Its size keeps it out of the blocks that the runtime packs small ones into.
	runtime.AddCleanup(new([4]*int), func(percent int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		want := percentFor(live[0].Value.Uint64())
		if 4*want < 3*percent || 3*want > 4*percent || want == usualPercent && percent != want { // setting it stops the process for a moment
			debug.SetGCPercent(want)
			percent = want
		}
		afterCollection(percent)
	}, percent)
}

// percentFor is for how much garbage, compared to the bytes in use, the collector waits.
func percentFor(live uint64) int {
	return max(usualPercent, int(100*leastGarbage/max(live, 1<<20)))
}
