package bootstrap

import (
	"os"
	"testing"

	"pando/test/asked"
)

func TestMain(m *testing.M) {
	if asked.For("PANDO_TEST_BOOTSTRAP", "the tests of discovery") {
		os.Exit(m.Run())
	}
}
