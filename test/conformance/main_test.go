package conformance_test

import (
	"os"
	"testing"

	"pando/test/netns"
)

// The member without a quorum dials the recorded ports of its peers, and nobody may answer there.
func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
