package conformance

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"pando/test/conformance/ordered"
)

//go:embed cases/*.json
var embedded embed.FS

// Accidental is the Quirk of a case that shows a bug, or a by-product of the Go runtime: the only kind of case that a
// server may be excepted from.
const Accidental = "accidental"

// Case is one behaviour, and the conversation that shows it.
type Case struct {
	File    string  `json:"-"`
	Name    string  `json:"name"` // group/what
	Why     string  `json:"why"`
	Serial  bool    `json:"serial"`  // needs the server to itself; indexes are checked exactly
	Exact   bool    `json:"exact"`   // raw texts are compared too
	Quirk   string  `json:"quirk"`   // "" or Accidental
	Differs string  `json:"differs"` // how 3.4 and 3.5 differ, for the reader
	Needs   string  `json:"needs"`   // the special server that it runs on; "" is any
	Cleanup cleanup `json:"cleanup"`
	Steps   []*Step `json:"steps"`
}

// Step is a request, or the joining of one that was left waiting (Await). Times are in milliseconds, 0 is the default.
type Step struct {
	Method    string         `json:"method"`
	Path      string         `json:"path"`
	Headers   ordered.Object `json:"headers"` // a list as value sends the header repeatedly
	HTTP      string         `json:"http"`    // "" is 1.1
	Form      ordered.Object `json:"form"`    // likewise
	Multipart ordered.Object `json:"multipart"`
	Body      *string        `json:"body"`
	BodyHex   string         `json:"body_hex"`
	Type      *string        `json:"content_type"` // of body or body_hex
	Chunked   bool           `json:"chunked"`
	Raw       *string        `json:"raw"`       // the whole request, instead of all the above
	Responses int            `json:"responses"` // how many answers to read from the connection; 0 is one

	ID         string `json:"id"`
	Async      bool   `json:"async"` // goes on when the headers are there
	Hold       bool   `json:"hold"`  // reads nothing more until awaited
	SleepMS    int    `json:"sleep_ms"`
	TimeoutMS  int    `json:"timeout_ms"`
	Repeat     int    `json:"repeat"`
	WantStatus []int  `json:"want_status"` // of each repetition
	Fanout     int    `json:"fanout"`
	Watch      bool   `json:"watch"`       // answered like an async one, though it is not
	RootFilter bool   `json:"root_filter"` // of a listing of the root, only this case's directory counts

	Await     string `json:"await"`
	Events    int    `json:"events"`     // lines to wait for
	SettleMS  *int   `json:"settle_ms"`  // how much longer to wait then
	ElapsedMS []int  `json:"elapsed_ms"` // least and most, from the request to the end of the answer
	Summary   bool   `json:"summary"`
	Slow      bool   `json:"slow"`

	CheckHeaders []string       `json:"check_headers"` // besides those that always count; lower case
	Expect       ordered.Object `json:"expect"`
	ExpectAlt    ordered.Object `json:"expect_alt"`
	ExpectAlt2   ordered.Object `json:"expect_alt2"`
}

// compared says whether the answer to a step has a golden.
func (st *Step) compared() bool { return !st.Async && st.Repeat == 0 }

// cleanup is either a list of further paths to delete after the case, or false for none at all.
type cleanup struct {
	none  bool
	paths []string
}

// UnmarshalJSON reads either form.
func (c *cleanup) UnmarshalJSON(text []byte) error {
	if string(text) == "false" {
		c.none = true
		return nil
	}
	return json.Unmarshal(text, &c.paths)
}

// Load returns the cases of this package in the order of their files' names.
func Load() ([]*Case, error) { return load(embedded) }

// load reads every *.json file in the folder cases. A field that it does not know is an error: a case that is only
// half understood would prove nothing.
func load(files fs.FS) ([]*Case, error) {
	names, err := fs.Glob(files, "cases/*.json")
	if err != nil {
		return nil, err
	}
	var all []*Case
	seen := map[string]bool{}
	for _, name := range names {
		text, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, err
		}
		var cases []*Case
		dec := json.NewDecoder(bytes.NewReader(text))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&cases); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, c := range cases {
			c.File = name
			if err := c.validate(); err != nil {
				return nil, fmt.Errorf("%s: %s: %w", name, c.Name, err)
			}
			if seen[c.Name] {
				return nil, fmt.Errorf("%s: a second case %s", name, c.Name)
			}
			seen[c.Name] = true
		}
		all = append(all, cases...)
	}
	return all, nil
}

// validate finds what would make a case pass without having shown anything.
func (c *Case) validate() error {
	if c.Name == "" || len(c.Steps) == 0 {
		return errors.New("no name or no steps")
	}
	if c.Quirk != "" && c.Quirk != Accidental {
		return fmt.Errorf("unknown quirk %q", c.Quirk)
	}
	var waiting []string
	for n, st := range c.Steps {
		switch {
		case st.Async:
			waiting = append(waiting, st.ID)
		case st.Await != "" && !slices.Contains(waiting, st.Await):
			return fmt.Errorf("step %d awaits %q, which nothing started", n, st.Await)
		}
		if st.Await == "" && st.Method == "" && st.Raw == nil {
			return fmt.Errorf("step %d does nothing", n)
		}
		if st.compared() && st.Expect == nil {
			return fmt.Errorf("step %d has no golden", n)
		}
	}
	return nil
}
