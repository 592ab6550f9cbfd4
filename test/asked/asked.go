// Package asked is for tests that take long beside `go test ./...`, and that their own make target asks for.
package asked

import (
	"fmt"
	"os"
)

// For reports whether the variable env is 1, which the make target sets. If it is not, it says that what was left out.
func For(env, what string) bool {
	if os.Getenv(env) == "1" {
		return true
	}
	fmt.Printf("left out: %s (%s=1 runs them)\n", what, env)
	return false
}
