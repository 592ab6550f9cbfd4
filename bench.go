package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"pando/bench"
)

// runBench is `pando bench`: load on any server of the v2 API, and what it measures. It returns the exit code:
// 2 if the flags are wrong, 1 if no request succeeded. Ctrl-C ends the run early, a second one the process.
func runBench(args []string, out, errOut io.Writer) int {
	options, err := bench.Parse(args, out)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintln(errOut, "pando bench:", err)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer context.AfterFunc(ctx, stop)()
	var progress io.Writer
	if f, ok := errOut.(*os.File); ok && isTerminal(f) {
		progress = f
	}
	result, err := bench.Run(ctx, options, progress)
	if err != nil {
		fmt.Fprintln(errOut, "pando bench:", err)
		return 1
	}
	write := result.WriteText
	if options.JSON {
		write = result.WriteJSON
	}
	if err := write(out); err != nil {
		fmt.Fprintln(errOut, "pando bench:", err)
		return 1
	}
	if result.Requests == 0 {
		return 1
	}
	return 0
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
