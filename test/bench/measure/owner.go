package measure

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// owner stands for a test where there is none: test/server ends what it starts when its test ends, and fails the test where it
// cannot go on.
type owner struct {
	testing.TB // nil: nobody calls what is not below
	dir        string
	cleanups   []func()
}

// failure is what a panic carries that only ends a turn.
type failure struct{ what string }

func (o *owner) Helper()                           {}
func (o *owner) Failed() bool                      { return false }
func (o *owner) Cleanup(f func())                  { o.cleanups = append(o.cleanups, f) }
func (o *owner) Fatal(args ...any)                 { panic(failure{fmt.Sprint(args...)}) }
func (o *owner) Fatalf(format string, args ...any) { panic(failure{fmt.Sprintf(format, args...)}) }

// TempDir is a new directory, gone when the owner is closed.
func (o *owner) TempDir() string {
	dir, err := os.MkdirTemp(o.dir, "pando-bench-")
	if err != nil {
		o.Fatal(err)
	}
	o.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// close ends all that was started for this owner, the latest first.
func (o *owner) close() {
	for _, f := range slices.Backward(o.cleanups) {
		f()
	}
	o.cleanups = nil
}

// attempt returns why f did not come to its end, "" if it did.
func attempt(f func()) (failed string) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case failure:
			failed = r.what
		default:
			panic(r)
		}
	}()
	f()
	return ""
}
