package misc_test

import (
	"os"
	"strings"
	"testing"

	"pando/test/conformance"
	"pando/test/conformance/misc"
	"pando/test/server"
)

// etcdctl is the installed one; without it, the cases of the command-line client fail.
const etcdctl = "/usr/bin/etcdctl"

// TestMisc runs the cases on Pando. Those that deviations.txt names are answered otherwise on purpose: they must fail.
func TestMisc(t *testing.T) {
	suite := misc.New(server.Build(t), etcdctl, t.TempDir(), func() string { return server.FreeAddr(t) })
	cases, err := misc.Load(conformance.Misc())
	if err != nil {
		t.Fatal(err)
	}
	deviating := deviating(t, cases)
	groups := map[string][]*misc.Case{}
	for _, c := range cases {
		name := c.Name
		if c.Shared {
			name = "shared " + strings.Join(c.Args, " ")
		}
		groups[name] = append(groups[name], c)
	}
	t.Logf("%d cases, of which %d are answered otherwise", len(cases), len(deviating))
	t.Run("cases", func(t *testing.T) {
		for name, group := range groups {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				suite.Run(group, false, func(c *misc.Case, wrong []string) {
					switch {
					case deviating[c.Name] && len(wrong) == 0:
						t.Errorf("%s passes: take it from deviations.txt", c.Name)
					case !deviating[c.Name] && len(wrong) > 0:
						t.Errorf("%s (%s): %s\n  %s", c.Name, c.File, c.Why, strings.Join(wrong, "\n  "))
					}
				})
			})
		}
	})
}

// deviating reads the names of the cases that must fail: on each line a name, blanks, and the reason.
func deviating(t *testing.T, cases []*misc.Case) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, c := range cases {
		known[c.Name] = true
	}
	names := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		name, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if name == "" || name[0] == '#' {
			continue
		}
		if !known[name] || names[name] || strings.TrimSpace(reason) == "" {
			t.Fatalf("deviations.txt: %q names no case, or one for the second time, or gives no reason", line)
		}
		names[name] = true
	}
	return names
}
