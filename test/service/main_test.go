package service

import (
	"os"
	"testing"

	"pando/test/netns"
)

// The image publishes the port that etcd's users know, and somebody may have it.
func TestMain(m *testing.M) { os.Exit(netns.Run(m)) }
