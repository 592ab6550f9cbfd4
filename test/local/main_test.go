package local

import (
	"os"
	"testing"

	"pando/test/netns"
)

// The ports in the Procfile are those that etcd's users know, and somebody may have them.
func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
