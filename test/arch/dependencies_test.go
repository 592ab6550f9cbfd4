package arch

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDependenciesAreExplained: each module that is imported has its row in docs/dependencies.md, and each row a module that
// is imported.
func TestDependenciesAreExplained(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "docs", "dependencies.md"))
	if err != nil {
		t.Fatal(err)
	}
	used := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		used[row[1]] = false
	}
	for _, s := range sources(t) {
		for path := range s.imports() {
			host, _, _ := strings.Cut(path, "/")
			if !strings.Contains(host, ".") {
				continue // the standard library or ours
			}
			if !markUsed(used, path) {
				t.Errorf("%s imports %s, which docs/dependencies.md does not explain", s.name, path)
			}
		}
	}
	for name, is := range used {
		if !is {
			t.Errorf("docs/dependencies.md explains %s, which nothing imports", name)
		}
	}
}

// markUsed finds the module that a package belongs to.
func markUsed(modules map[string]bool, path string) bool {
	for name := range modules {
		if path == name || strings.HasPrefix(path, name+"/") {
			modules[name] = true
			return true
		}
	}
	return false
}
