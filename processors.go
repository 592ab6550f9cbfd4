package main

import (
	"os"
	"runtime"
)

// ownThread is the number of processors from which on Go's garbage collector has one for itself. With fewer it takes turns with the
// requests on all of them, and each turn may take tens of milliseconds in which who waits for that processor waits.
const ownThread = 4

// separateCollector pretends that there are as many, and leaves it to the kernel, which changes threads every few milliseconds, to
// share out those that there are. A number in the environment (GOMAXPROCS) holds, and so does a container's limit: who
// uses up a share of the time too fast gets nothing for the rest of it.
func separateCollector() {
	machine := runtime.NumCPU()
	if os.Getenv("GOMAXPROCS") == "" && machine < ownThread && runtime.GOMAXPROCS(0) == machine {
		runtime.GOMAXPROCS(ownThread)
	}
}
