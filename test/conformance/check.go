package conformance

import (
	"bytes"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"pando/test/conformance/ordered"
	"pando/test/conformance/rawhttp"
)

// checker compares one answer of a run; it knows what the step asked.
type checker struct {
	*comparer
	a *answer
}

// check holds an answer against its golden and says what is wrong.
func (m *meaning) check(c *Case, a *answer, golden ordered.Object) []string {
	k := checker{newComparer(m, a.at, !a.req.sorted()), a}
	many, several := golden.Get("responses")
	switch {
	case a.tally != nil:
		k.Value("fanout", golden, a.tally.golden())
	case several:
		list, _ := many.([]any)
		if len(list) != len(a.replies) {
			k.Say("responses", "want %d got %d", len(list), len(a.replies))
		}
		for i := range min(len(list), len(a.replies)) {
			one, _ := list[i].(ordered.Object)
			k.reply(c, one, a.replies[i])
		}
	default:
		k.reply(c, golden, a.replies[len(a.replies)-1])
	}
	k.elapsed()
	return k.Differs
}

// sorted says that the nodes of the answer have an order.
func (st *Step) sorted() bool {
	_, query, _ := strings.Cut(st.Path, "?")
	values, _ := url.ParseQuery(query)
	on, _ := strconv.ParseBool(values.Get("sorted"))
	return on
}

func (k *checker) elapsed() {
	limit := k.a.st.ElapsedMS
	if len(limit) != 2 {
		return
	}
	least, most := ms(limit[0], 0), ms(limit[1], 0)
	if e := k.a.elapsed; e == nil || *e < least || *e > most {
		k.Say("elapsed", "want %v to %v got %v", least, most, e)
	}
}

// reply compares one reply. Whatever the golden does not name must not be there.
func (k *checker) reply(c *Case, golden ordered.Object, r *reply) {
	if r.Status == 0 {
		k.Value("error", field(golden, "error"), noAnswer(r.Reply))
		return
	}
	k.Value("status", field(golden, "status"), number(r.Status))
	k.Value("interim", field(golden, "interim"), optional(len(r.Interim) > 0, numbers(r.Interim)))
	k.Value("open", field(golden, "open"), optional(!r.Complete, true))
	k.Value("error", field(golden, "error"), nil)
	var early any
	if k.a.early != nil {
		early = *k.a.early
	}
	k.Value("early", field(golden, "early"), early)
	k.headers(golden.Sub("headers"), r)
	k.body(c, golden, r)
}

// field is nil for one that is missing, which no golden writes.
func field(golden ordered.Object, name string) any {
	v, _ := golden.Get(name)
	return v
}

func optional(is bool, v any) any {
	if !is {
		return nil
	}
	return v
}

func numbers(list []int) []any {
	var out []any
	for _, n := range list {
		out = append(out, number(n))
	}
	return out
}

// noAnswer says how a request came to have no answer, in the goldens' words.
func noAnswer(r rawhttp.Reply) string {
	switch {
	case r.Cut():
		return "no response"
	case r.Err != nil:
		return r.Err.Error()
	}
	return "timeout"
}

func (k *checker) body(c *Case, golden ordered.Object, r *reply) {
	if r.bad != nil {
		k.Say("body", "%v: %s", r.bad, ordered.Brief(string(r.Body)))
	}
	if k.a.st.Slow {
		k.Value("slow", field(golden, "slow"), slow(k.a.st, r))
		return
	}
	if k.a.st.Summary {
		k.Value("summary", field(golden, "summary"), summary(r))
		return
	}
	for _, kd := range []kind{isJSON, isEvents, isText} {
		if _, named := golden.Get(string(kd)); named != (r.kind == kd) {
			k.Say("body", "%s: in the golden %v, in the answer %v: %s", kd, named, r.kind == kd, ordered.Brief(string(r.Body)))
			return
		}
	}
	one := bytes.HasSuffix(r.Body, []byte("\n"))
	switch r.kind {
	case isJSON:
		k.document(golden, r)
		k.Value("newline", field(golden, "newline"), one && !bytes.HasSuffix(r.Body, []byte("\n\n")))
	case isEvents:
		want, _ := field(golden, "events").([]any)
		k.List("events", want, r.docs)
		k.Value("rest", field(golden, "rest"), optional(len(r.rest) > 0, string(r.rest)))
		k.Value("newline", field(golden, "newline"), one && !bytes.Contains(r.Body, []byte("\n\n")))
	case isText:
		want, _ := field(golden, "text").(string)
		k.Value("text", k.text(want), string(r.Body))
	}
	if c.Exact && (r.kind == isJSON || r.kind == isEvents) {
		k.exact(golden, r)
	}
}

// document compares a JSON body. At its top, the field index is that of an error.
func (k *checker) document(golden ordered.Object, r *reply) {
	want, got := field(golden, "json"), r.docs[0]
	wo, wok := want.(ordered.Object)
	gotten, gok := got.(ordered.Object)
	if i := slices.IndexFunc(wo, func(f ordered.Field) bool { return f.Name == "index" }); wok && gok && i >= 0 {
		if v, ok := gotten.Get("index"); ok {
			k.errorIndex(wo[i].Value, v, r)
			wo = slices.Clone(wo)
			wo[i].Value = v
		}
		want = wo
	}
	k.Value("json", want, got)
}

func (k *checker) errorIndex(want, got any, r *reply) {
	token, isToken := want.(string)
	if !isToken {
		k.Value("json.index", want, got)
		return
	}
	if token != "cur" {
		k.index("json.index", token, got)
		return
	}
	header, _ := etcdIndex(r.Reply)
	if n, ok := uintOf(got); !ok || n != header || n < k.a.floor || n == 0 {
		k.Say("json.index", "got %s, want the header's index (%d), and not below %d", ordered.Brief(got), header, k.a.floor)
	}
}

// exact compares the bytes of a body.
func (k *checker) exact(golden ordered.Object, r *reply) {
	want, _ := field(golden, "raw").(string)
	current, _ := r.Get("x-etcd-index")
	pattern, err := k.raw(want, current)
	if err != nil {
		k.Say("raw", "%v", err)
	} else if !pattern.Match(r.Body) {
		k.Say("raw", "want %s got %s", ordered.Brief(want), ordered.Brief(string(r.Body)))
	}
}
