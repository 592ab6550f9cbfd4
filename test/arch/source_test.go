package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// root is the module's folder, seen from this one.
const root = "../.."

// source is one parsed Go file.
type source struct {
	name  string // below root, with slashes
	dir   string // the folder of name: "" for the module's own
	test  bool   // *_test.go
	lines int
	set   *token.FileSet
	ast   *ast.File
}

// line is where a node of the file stands, for messages.
func (s *source) line(n ast.Node) int { return s.set.Position(n.Pos()).Line }

// imports are the paths that the file imports, with their names ("" if it gives none).
func (s *source) imports() map[string]string {
	all := map[string]string{}
	for _, i := range s.ast.Imports {
		name := ""
		if i.Name != nil {
			name = i.Name.Name
		}
		all[strings.Trim(i.Path.Value, `"`)] = name
	}
	return all
}

// sources parses every Go file of the module. Modules nested in it (client programs) and what npm fetched are not ours to judge.
func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && leftOut(path, d.Name()):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go":
			return nil
		}
		s, err := parse(path)
		all = append(all, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		t.Fatal("no Go file found")
	}
	return all
}

func leftOut(path, name string) bool {
	if strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" {
		return true
	}
	_, err := os.Stat(filepath.Join(path, "go.mod"))
	return err == nil
}

func parse(path string) (*source, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	name, err := filepath.Rel(root, path)
	if err != nil {
		return nil, err
	}
	s := &source{name: filepath.ToSlash(name), test: strings.HasSuffix(path, "_test.go"), set: token.NewFileSet()}
	s.lines = strings.Count(string(text), "\n")
	if i := strings.LastIndexByte(s.name, '/'); i >= 0 {
		s.dir = s.name[:i]
	}
	s.ast, err = parser.ParseFile(s.set, s.name, text, parser.ParseComments)
	return s, err
}
