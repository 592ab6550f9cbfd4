package docs

import (
	"os"
	"testing"

	"pando/test/netns"
)

// The addresses in docs/clustering.md are not those of the machine that runs the tests.
func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
