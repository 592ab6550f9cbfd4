package conformance

import (
	"fmt"
	"strings"

	"pando/test/conformance/ordered"
)

// Flavour is an etcd whose behaviour a case was recorded from.
type Flavour int

// The flavours, in the order in which they are tried. Each takes from the one before it what it does not have itself.
const (
	Etcd23 Flavour = iota
	Etcd34
	Etcd35
	flavours
)

func (f Flavour) String() string { return [...]string{"2.3.8", "3.4", "3.5"}[f] }

// own is the golden that a step has for just this flavour, nil if it has none.
func (st *Step) own(f Flavour) ordered.Object {
	return [...]ordered.Object{st.Expect, st.ExpectAlt, st.ExpectAlt2}[f]
}

func (st *Step) golden(f Flavour) ordered.Object {
	for ; f > Etcd23; f-- {
		if g := st.own(f); g != nil {
			return g
		}
	}
	return st.Expect
}

// has says that a case has goldens of its own for a flavour.
func (c *Case) has(f Flavour) bool {
	for _, st := range c.Steps {
		if st.own(f) != nil {
			return true
		}
	}
	return false
}

// Result says how a case went.
type Result struct {
	Case     *Case
	Flavour  Flavour // the one it matches, or comes nearest to
	Problems []Problem
	Err      error // why it could not be played to its end
}

// Problem is a step whose answer was not the golden's.
type Problem struct {
	Step    int
	Request string
	Differs []string
}

// Passed says that all steps matched.
func (r Result) Passed() bool { return r.Err == nil && len(r.Problems) == 0 }

// String is the result with all that is wrong, as lines.
func (r Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s): %s", r.Case.Name, r.Case.File, r.Case.Why)
	if r.Err != nil {
		fmt.Fprintf(&b, "\n    could not be played: %v", r.Err)
	}
	for _, p := range r.Problems {
		fmt.Fprintf(&b, "\n  step %d: %s", p.Step, p.Request)
		for _, d := range p.Differs {
			fmt.Fprintf(&b, "\n    %s", d)
		}
	}
	return b.String()
}

// Run plays a case against the server at host:port and compares. With strict, only 2.3.8 counts.
func Run(host string, c *Case, strict bool) Result {
	rec, err := play(host, c)
	if err != nil {
		return Result{Case: c, Err: err}
	}
	best := rec.verdict(Etcd23)
	for f := Etcd34; f < flavours && !strict && !best.Passed(); f++ {
		if !c.has(f) {
			continue
		}
		if r := rec.verdict(f); len(r.Problems) < len(best.Problems) {
			best = r
		}
	}
	return best
}

// verdict compares all answers of a run with the goldens of one flavour.
func (rec *recording) verdict(f Flavour) Result {
	m := newMeaning(rec)
	result := Result{Case: rec.c, Flavour: f}
	for _, a := range rec.answers {
		if d := m.check(rec.c, a, a.st.golden(f)); len(d) > 0 {
			result.Problems = append(result.Problems, Problem{a.n, a.req.describe(), d})
		}
	}
	return result
}

// describe is the request of a step in a few words.
func (st *Step) describe() string {
	if st.Raw != nil {
		return fmt.Sprintf("%.120q", *st.Raw)
	}
	form := ""
	if st.Form != nil {
		form = " " + ordered.Brief(st.Form)
	}
	return fmt.Sprintf("%s %.120s%s", st.Method, st.Path, form)
}
