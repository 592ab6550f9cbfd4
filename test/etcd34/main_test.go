package etcd34

import (
	"os"
	"testing"

	"pando/test/asked"
)

func TestMain(m *testing.M) {
	if asked.For("PANDO_TEST_ETCD34", "the tests beside etcd 3.4") {
		os.Exit(m.Run())
	}
}
