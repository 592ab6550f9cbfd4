package config

import (
	"testing"
	"time"
)

func TestLimits(t *testing.T) {
	c := must(t, []string{"PANDO_MAX_WATCHERS=7"}, "--max-connections", "5", "--idle-timeout", "1500", "--memory-limit", "300")
	want := Limits{
		Connections: 5, Watchers: 7, Streams: 100, HeaderBytes: 1 << 20, BodyBytes: 10 << 20,
		HeaderTimeout: 30 * time.Second, IdleTimeout: 1500 * time.Millisecond, Memory: 300 << 20,
	}
	if c.Limits != want {
		t.Errorf("%+v, want %+v", c.Limits, want)
	}
	for _, args := range [][]string{
		{"--max-watchers", "0"}, {"--max-header-bytes", "100"}, {"--idle-timeout", "0"}, {"--header-timeout", "0"},
		{"--max-concurrent-streams", "0"}, {"--max-body-bytes", "0"}, {"--max-body-bytes", "33554433"}, {"--max-header-bytes", "4194304"}, {"--max-connections", "4294967296"},
		{"--memory-limit", "2147483648"},
	} {
		_, err := parse(args, nil)
		ended(t, err, 1, args[0][1:]+"["+args[1]+"] must be from ")
	}
}

// TestConnectionsAskedFor: more than the open files allow are not granted.
func TestConnectionsAskedFor(t *testing.T) {
	all, err := CheckFDLimit(0)
	if err != nil {
		t.Fatal(err)
	}
	for asked, want := range map[int]int{1: 1, all + 1: all} {
		if got, err := CheckFDLimit(asked); got != want || err != nil {
			t.Errorf("%d asked for: %d and %v, want %d", asked, got, err, want)
		}
	}
}
