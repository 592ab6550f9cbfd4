package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

const module = "pando"

// mayImport is the import graph of the product: each package with those of ours that it may import. Whoever adds a package
// adds a row, and whoever adds to a row has a reason that docs/architecture.md gives.
var mayImport = map[string][]string{
	"tree":           {},
	"ttl":            {},
	"eventhistory":   {},
	"fsys":           {},
	"config":         {},
	"discovery":      {"config"},
	"proxy":          {"fsys"},
	"store":          {"tree", "ttl", "eventhistory"},
	"snapshot":       {"fsys"},
	"raft/wal":       {"fsys"},
	"tlsconfig":      {},
	"raft/transport": {"tlsconfig", "socket"},
	"raft":           {"raft/wal", "snapshot", "fsys"},
	"auth":           {"store"},
	"socket":         {},
	"front":          {"socket"},
	"httpapi":        {"store", "eventhistory", "auth", "peerstats"},
	"peerstats":      {},
	"metrics":        {"store", "peerstats"},
	"bench":          {},
	"server":         {"store", "eventhistory", "auth", "fsys", "config", "snapshot", "raft", "raft/transport", "tlsconfig", "httpapi", "front", "peerstats", "metrics", "discovery", "proxy"},
	"":               {"config", "raft", "server", "bench"}, // main
}

// TestImportGraph holds the product's packages to mayImport. Tests may import more, the tests' packages anything; but the
// product never imports a package of the tests.
func TestImportGraph(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.dir == "test" || strings.HasPrefix(s.dir, "test/") {
			continue
		}
		allowed, known := mayImport[s.dir]
		if !known {
			t.Errorf("%s: package %q has no row in mayImport", s.name, s.dir)
			continue
		}
		for path := range s.imports() {
			ours, isOurs := strings.CutPrefix(path, module+"/")
			if isOurs && !slices.Contains(allowed, ours) {
				t.Errorf("%s imports %s, which the import graph does not allow", s.name, path)
			}
		}
	}
}

// TestEngineAlias: the engine is imported as etcdraft everywhere, so that raft is always our package.
func TestEngineAlias(t *testing.T) {
	for _, s := range sources(t) {
		if name, used := s.imports()["go.etcd.io/raft/v3"]; used && name != "etcdraft" {
			t.Errorf("%s imports the engine as %q instead of etcdraft", s.name, name)
		}
	}
}

// deterministic are the packages that have to do the same on every member: time reaches them inside commands.
var deterministic = []string{"tree", "ttl", "store"}

// TestStateMachineIsDeterministic: no clock, no goroutine, no chance, no I/O in the state machine.
func TestStateMachineIsDeterministic(t *testing.T) {
	forbidden := []string{"math/rand", "math/rand/v2", "crypto/rand", "os", "net", "syscall", "path/filepath"}
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	for _, s := range sources(t) {
		if s.test || !slices.Contains(deterministic, s.dir) {
			continue
		}
		for path := range s.imports() {
			if slices.Contains(forbidden, path) {
				t.Errorf("%s imports %s", s.name, path)
			}
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt:
				t.Errorf("%s:%d starts a goroutine", s.name, s.line(n))
			case *ast.CallExpr:
				if name, ok := callOf(n, "time"); ok && slices.Contains(clock, name) {
					t.Errorf("%s:%d calls time.%s", s.name, s.line(n), name)
				}
			}
			return true
		})
	}
}

// callOf returns the function's name if the call is of the form pkg.Name(...).
func callOf(call *ast.CallExpr, pkg string) (string, bool) {
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return "", false
	}
	x, ok := sel.X.(*ast.Ident)
	return sel.Sel.Name, ok && x.Name == pkg
}
