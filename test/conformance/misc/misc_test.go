package misc_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"pando/test/conformance"
	"pando/test/conformance/misc"
	"pando/test/server"
)

// etcdctl is the installed one; without it, the cases of the command-line client fail.
const etcdctl = "/usr/bin/etcdctl"

// TestMisc runs the cases on Pando.
func TestMisc(t *testing.T) {
	binary := server.Build(t)
	suite := misc.New(binary, etcdctl, t.TempDir(), func() string { return server.FreeAddr(t) })
	cases, err := misc.Load(conformance.Misc())
	if err != nil {
		t.Fatal(err)
	}
	left := unserved(t, cases)
	groups := map[string][]*misc.Case{}
	for _, c := range cases {
		if left[c.Name] {
			continue
		}
		name := c.Name
		if c.Shared {
			name = "shared " + strings.Join(c.Args, " ")
		}
		groups[name] = append(groups[name], c)
	}
	t.Logf("%d of %d cases are left out", len(left), len(cases))
	t.Run("cases", func(t *testing.T) {
		for name, group := range groups {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				suite.Run(group, false, func(c *misc.Case, wrong []string) {
					if len(wrong) > 0 {
						t.Errorf("%s (%s): %s\n  %s", c.Name, c.File, c.Why, strings.Join(wrong, "\n  "))
					}
				})
			})
		}
	})
}

// unserved names the cases that are left out, by their own name, their file or one of their tags.
func unserved(t *testing.T, cases []*misc.Case) map[string]bool {
	t.Helper()
	text, err := os.ReadFile("unserved.txt")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		what, reason, _ := strings.Cut(strings.TrimSpace(line), " ")
		if what == "" || what == "#" || what[0] == '#' {
			continue
		}
		known := false
		for _, c := range cases {
			if c.Name == what || c.File == what || slices.Contains(c.Tags, what) {
				left[c.Name], known = true, true
			}
		}
		if !known || strings.TrimSpace(reason) == "" {
			t.Fatalf("unserved.txt: %q names nothing, or there is no reason", line)
		}
	}
	return left
}
