package main

import (
	"runtime/debug"

	"pando/config"
)

// limitMemory has the garbage collector work harder as the process comes near the limit. Without one, what the environment
// says holds (GOMEMLIMIT, GOGC).
func limitMemory(cfg *config.Config) {
	if cfg.Limits.Memory > 0 {
		debug.SetMemoryLimit(cfg.Limits.Memory)
	}
}
