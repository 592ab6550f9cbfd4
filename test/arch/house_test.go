package arch

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

const (
	maxFileLines     = 400
	maxFunctionLines = 70
)

// TestSize: a file and a function can be read at one sitting.
func TestSize(t *testing.T) {
	for _, s := range sources(t) {
		if s.lines > maxFileLines {
			t.Errorf("%s has %d lines, more than %d", s.name, s.lines, maxFileLines)
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || isTestFunction(s, f) {
				continue
			}
			if n := s.set.Position(f.End()).Line - s.line(f) + 1; n > maxFunctionLines {
				t.Errorf("%s:%d: %s has %d lines, more than %d", s.name, s.line(f), f.Name.Name, n, maxFunctionLines)
			}
		}
	}
}

// isTestFunction: a table of cases may be as long as it has cases.
func isTestFunction(s *source, f *ast.FuncDecl) bool {
	return s.test && strings.HasPrefix(f.Name.Name, "Test")
}

// TestPackageComments: each package opens with what it promises, once.
func TestPackageComments(t *testing.T) {
	comments := map[string]int{}
	for _, s := range sources(t) {
		if s.test && strings.HasSuffix(s.ast.Name.Name, "_test") {
			continue // the other package of the same folder
		}
		comments[s.dir] += 0
		if s.ast.Doc != nil {
			comments[s.dir]++
		}
	}
	for dir, n := range comments {
		if n != 1 {
			t.Errorf("package %q has %d package comments, not one", module+"/"+dir, n)
		}
	}
}

// TestDocComments: every exported name of the product says what it is, what it returns and who may call it.
func TestDocComments(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || s.ast.Name.Name == "main" {
			continue
		}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && exportedReceiver(d) {
					t.Errorf("%s:%d: %s has no comment", s.name, s.line(d), d.Name.Name)
				}
			case *ast.GenDecl:
				checkGroup(t, s, d)
			}
		}
	}
}

// checkGroup wants a comment on each exported name, or one on the whole group for constants and variables, or one at the
// end of the line.
func checkGroup(t *testing.T, s *source, d *ast.GenDecl) {
	for _, spec := range d.Specs {
		switch spec := spec.(type) {
		case *ast.TypeSpec:
			if spec.Name.IsExported() && spec.Doc == nil && d.Doc == nil && spec.Comment == nil {
				t.Errorf("%s:%d: type %s has no comment", s.name, s.line(spec), spec.Name.Name)
			}
		case *ast.ValueSpec:
			if spec.Names[0].IsExported() && spec.Doc == nil && d.Doc == nil && spec.Comment == nil {
				t.Errorf("%s:%d: %s %s has no comment", s.name, s.line(spec), d.Tok, spec.Names[0].Name)
			}
		}
	}
}

// exportedReceiver reports whether a function can be called from outside: it has no receiver, or one of an exported type. The
// methods that fmt, io, sort and heap ask for explain themselves.
func exportedReceiver(f *ast.FuncDecl) bool {
	switch f.Name.Name {
	case "String", "Error", "Unwrap", "Is", "Len", "Less", "Swap", "Push", "Pop":
		if f.Recv != nil {
			return false
		}
	}
	if f.Recv == nil {
		return true
	}
	receiver := f.Recv.List[0].Type
	if star, ok := receiver.(*ast.StarExpr); ok {
		receiver = star.X
	}
	if generic, ok := receiver.(*ast.IndexExpr); ok {
		receiver = generic.X
	}
	name, ok := receiver.(*ast.Ident)
	return !ok || name.IsExported()
}

// TestTestsNeitherSleepNorSkip: a test waits for a condition, and one that cannot run fails.
func TestTestsNeitherSleepNorSkip(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			if name, ok := callOf(call, "time"); ok && name == "Sleep" {
				t.Errorf("%s:%d sleeps", s.name, s.line(call))
			}
			for _, receiver := range []string{"t", "b", "f", "tb"} {
				if name, ok := callOf(call, receiver); ok && (name == "Skip" || name == "Skipf" || name == "SkipNow") {
					t.Errorf("%s:%d skips a test", s.name, s.line(call))
				}
			}
			return true
		})
	}
}

// unfinished matches the marks of work that was put off. It is written so that it does not match itself.
var unfinished = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|X` + `XX|HA` + `CK)\b`)

// TestNothingPutOff: what is to be done later stands in the project's plan, not in its source.
func TestNothingPutOff(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				if mark := unfinished.FindString(c.Text); mark != "" {
					t.Errorf("%s:%d says %s", s.name, s.line(c), mark)
				}
			}
		}
	}
}
