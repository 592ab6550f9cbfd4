package server

import (
	"testing"
	"time"
)

// Await tries until what is tried returns no error, and fails the test if that takes longer than patience. It returns how
// long it took. The test's goroutine calls it.
func Await(t testing.TB, what string, patience time.Duration, try func() error) time.Duration {
	t.Helper()
	began := time.Now()
	next := time.NewTicker(10 * time.Millisecond)
	defer next.Stop()
	for {
		err := try()
		if err == nil {
			return time.Since(began)
		}
		if time.Since(began) > patience {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		<-next.C
	}
}
