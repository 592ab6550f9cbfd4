package takeover

import (
	"os"
	"testing"

	"pando/test/netns"
)

// The members that were recorded as a cluster dial each other's recorded ports, and no others may answer there.
func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
