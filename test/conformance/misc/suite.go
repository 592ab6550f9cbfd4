package misc

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"pando/test/conformance/ordered"
)

// Suite runs cases against servers that it starts from one binary. Its methods may be called from any goroutine.
type Suite struct {
	binary, ctl, dir string
	freeAddr         func() string
}

// New returns a suite for the server in binary and the etcdctl in ctl. It works in dir; freeAddr gives it host:ports of
// the loopback interface to serve on, each only once.
func New(binary, ctl, dir string, freeAddr func() string) *Suite {
	return &Suite{binary, ctl, dir, freeAddr}
}

// Run runs cases that share a server: a single one, or several that are Shared and have the same Args. It tells of each
// what is wrong with it, line by line; no lines mean that it passed. With strict, only what 2.3.8 answers counts.
func (s *Suite) Run(cases []*Case, strict bool, done func(c *Case, wrong []string)) {
	p, err := s.process(cases[0])
	if err == nil && !cases[0].NoServer {
		err = p.start()
	}
	if err == nil && p.cmd != nil {
		defer p.stop("KILL")
	}
	for _, c := range cases {
		if err != nil {
			done(c, []string{err.Error()})
			continue
		}
		r := &run{p.meaning(), s, p}
		r.shared = c.Shared
		done(c, r.play(c, strict))
	}
}

// run is a case being played.
type run struct {
	*meaning
	suite  *Suite
	server *process
}

// play plays a case and compares: first with what 2.3.8 answered, then with what 3.4 did.
func (r *run) play(c *Case, strict bool) []string {
	var outcomes []outcome
	for n, st := range c.Steps {
		o, err := r.step(st)
		if err != nil {
			return []string{fmt.Sprintf("step %d could not be played: %v", n, err)}
		}
		outcomes = append(outcomes, o)
	}
	wrong := r.compare(c, outcomes, false)
	if len(wrong) > 0 && !strict && c.hasAlt() && len(r.compare(c, outcomes, true)) == 0 {
		return nil
	}
	return wrong
}

func (r *run) step(st *Step) (outcome, error) {
	switch {
	case st.CLI != nil:
		return r.cli(st)
	case st.Spawn != nil:
		return r.spawn(st)
	case st.Stop != "":
		return outcome{got: ordered.Object{{Name: "exit", Value: r.server.stop(st.Stop)}}}, nil
	case st.Start != nil:
		if st.Start.Args != nil {
			r.server.setArgs(st.Start.Args)
		}
		return outcome{got: ordered.Object{{Name: "ready", Value: true}}}, r.server.start()
	case st.DeriveIDs != nil:
		return r.server.derive(st.DeriveIDs.Token), nil
	}
	return r.request(st)
}

// compare holds the outcomes against one set of goldens.
func (r *run) compare(c *Case, outcomes []outcome, alt bool) (wrong []string) {
	for n, st := range c.Steps {
		cmp := r.comparer()
		r.outcome(cmp, st.golden(alt), outcomes[n].got)
		lines := cmp.Differs
		if !alt || !st.AltSkips {
			lines = append(lines, outcomes[n].extra...)
		}
		for _, l := range lines {
			wrong = append(wrong, fmt.Sprintf("step %d, %s: %s", n, st.describe(), l))
		}
	}
	return wrong
}

// outcome compares the parts of one.
func (r *run) outcome(c *ordered.Comparer, want, got ordered.Object) {
	inner := c.Field
	c.Field = func(path, name string, want, got any, in ordered.Object) bool {
		text, isText := got.(string)
		switch {
		case strings.HasPrefix(path, "got.headers.") && isText:
			r.header(c, path, name, want, text)
			return true
		case path == "got.stdout" && isText:
			w, _ := want.(string)
			c.Value(path, sortCluster(r.expand(w)), sortCluster(text))
			return true
		case path == "got.stdout":
			w, _ := want.([]any)
			g, _ := got.([]any)
			c.Value(path, want, r.alike(w, g))
			return true
		}
		return inner(path, name, want, got, in)
	}
	c.Value("got", want, got)
}

func (r *run) header(c *ordered.Comparer, path, name string, want any, got string) {
	n, err := strconv.ParseUint(got, 10, 64)
	ok := false
	switch {
	case name == "x-etcd-index":
		ok = err == nil && r.index(want, n)
	case name == "x-raft-index" || name == "x-raft-term":
		ok = err == nil && n > 0 && want == "n"
	case name == "x-server-version":
		ok = want == "version" && strings.Count(got, ".") >= 2
	default:
		w, isText := want.(string)
		ok = isText && r.text(w, got)
	}
	if !ok {
		c.Say(path, "want %s got %s (the case began at %d)", ordered.Brief(want), got, r.base)
	}
}

// sortCluster sorts the members in the line that etcdctl prints for a new one, which come in any order.
func sortCluster(out string) string {
	const start = `ETCD_INITIAL_CLUSTER="`
	before, rest, found := strings.Cut(out, start)
	list, after, _ := strings.Cut(rest, `"`)
	if !found {
		return out
	}
	return before + start + strings.Join(sorted(strings.Split(list, ",")), ",") + `"` + after
}

// alike brings lines into the order of the golden's, as far as they are alike: sorted lines whose first words are ids
// come in another order in each run.
func (r *run) alike(want, got []any) []any {
	got = slices.Clone(got)
	for i := range min(len(want), len(got)) {
		w, _ := want[i].(string)
		j := slices.IndexFunc(got[i:], func(line any) bool { s, _ := line.(string); return r.text(w, s) })
		if j > 0 {
			got[i], got[i+j] = got[i+j], got[i]
		}
	}
	return got
}

// derived are the ids of a lone member and its cluster, in hex.
func derived(peerURL, token string) (member, cluster string) {
	sum := sha1.Sum([]byte(peerURL + token))
	id := binary.BigEndian.Uint64(sum[:8])
	sum = sha1.Sum(binary.BigEndian.AppendUint64(nil, id))
	return strconv.FormatUint(id, 16), strconv.FormatUint(binary.BigEndian.Uint64(sum[:8]), 16)
}

// describe is a step in a few words.
func (st *Step) describe() string {
	switch {
	case st.CLI != nil:
		return "etcdctl " + strings.Join(st.CLI, " ")
	case st.Spawn != nil:
		return "server " + strings.Join(st.Spawn, " ")
	case st.Stop != "":
		return "stop"
	case st.Start != nil:
		return "start"
	case st.DeriveIDs != nil:
		return "ids"
	case st.Raw != "":
		return fmt.Sprintf("%.80q", st.Raw)
	}
	return fmt.Sprintf("%s %s %s", st.Method, st.Path, st.Target)
}
