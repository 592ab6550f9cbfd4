// Package misc runs the cases for everything but /v2/keys: members, machines, stats, auth, version, metrics, CORS, the
// peer port, flags, the life of the process, and the command-line client.
//
// Its cases start their server themselves, because auth, membership and flags are the state of a whole server; those
// marked shared only read, and share one for each set of flags. As in package conformance, a golden is compared by
// working out what it stands for in this run:
//
//	{client} {peer} {member} {cluster} {name} {data}   of the case's server; so in requests
//	{new} and other captured names                     what an earlier step found
//	{time} {duration} {id}                             any time, any duration, any id in hex
//	+3, n                                              the index at the start of the case plus three; any index
//	{020:+3}, {a*70}                                   as in package conformance
//
// A case passes if all its steps match what 2.3.8 answered or, where that is recorded, all match what 3.4 answered.
package misc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"

	"pando/test/conformance/ordered"
)

// Case is one behaviour, and what to do to see it.
type Case struct {
	File     string   `json:"-"`
	Name     string   `json:"name"`
	Why      string   `json:"why"`
	Args     []string `json:"args"`      // further flags of the server
	Shared   bool     `json:"shared"`    // only reads
	NoServer bool     `json:"no_server"` // its steps start what they need
	Tags     []string `json:"tags"`
	Steps    []*Step  `json:"steps"`
}

// Step is one of: a request (Method or Raw), a command of the client (CLI), a run of the server (Spawn), Stop, Start,
// and DeriveIDs, which works the server's ids out again. Times are in milliseconds, 0 is the default.
type Step struct {
	Method  string            `json:"method"`
	Path    string            `json:"path"`
	Target  string            `json:"target"` // peer, or "" for the client port
	Form    ordered.Object    `json:"form"`
	JSON    json.RawMessage   `json:"json"`
	Body    *string           `json:"body"`
	Type    string            `json:"content_type"`
	Auth    string            `json:"auth"` // user:password
	Headers map[string]string `json:"headers"`
	Raw     string            `json:"raw"`

	Mode          string            `json:"mode"` // what of the answer counts: "" all, status, headers, shape, json, metrics
	Exact         bool              `json:"exact"`
	CheckHeaders  []string          `json:"check_headers"`
	IgnoreHeaders []string          `json:"ignore_headers"`
	Metrics       map[string]string `json:"metrics"` // type by name
	ElapsedMS     []int             `json:"elapsed_ms"`

	CLI     []string          `json:"cli"`
	Bare    bool              `json:"bare"` // without --endpoints
	Stdin   string            `json:"stdin"`
	Env     map[string]string `json:"env"`
	Then    [][]string        `json:"then"` // commands to run while it waits
	Signal  string            `json:"signal"`
	Compare []string          `json:"compare"` // stdout, stderr, stdout1, stdout_sorted; null is the first two

	Spawn      []string `json:"spawn"`
	Says       []string `json:"says"`             // texts that must be among its output
	ServerArgs bool     `json:"with_server_args"` // of use to those who record

	Stop  string `json:"stop"` // a signal's name without SIG
	Start *struct {
		Args []string `json:"args"` // instead of the case's
	} `json:"start"`

	DeriveIDs *struct {
		Token string `json:"token"` // of the cluster; "" is etcd's default
	} `json:"derive_ids"`

	Capture   map[string]string `json:"capture"` // names to keep, by where in the answer: a field, or a pattern for CLI
	TimeoutMS int               `json:"timeout_ms"`

	Expect    ordered.Object `json:"expect"`
	ExpectAlt ordered.Object `json:"expect_alt"`
	AltSkips  bool           `json:"alt_skips_extra"` // 3.4 need not keep to ElapsedMS and Metrics
}

// Load reads every file of a folder. A field that it does not know is an error.
func Load(files fs.FS) ([]*Case, error) {
	names, err := fs.Glob(files, "*/*.json")
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
			c.File = path.Base(name)
			if c.Name == "" || len(c.Steps) == 0 || seen[c.Name] {
				return nil, fmt.Errorf("%s: case %q has no name or no steps, or is a second one", name, c.Name)
			}
			seen[c.Name] = true
			for n, st := range c.Steps {
				if st.Expect == nil {
					return nil, fmt.Errorf("%s: %s: step %d has no golden", name, c.Name, n)
				}
			}
		}
		all = append(all, cases...)
	}
	return all, nil
}

// hasAlt says that 3.4 was recorded to differ.
func (c *Case) hasAlt() bool {
	for _, st := range c.Steps {
		if st.ExpectAlt != nil {
			return true
		}
	}
	return false
}

// golden is what a step is to bring; with alt, 3.4's where that differs.
func (st *Step) golden(alt bool) ordered.Object {
	if alt && st.ExpectAlt != nil {
		return st.ExpectAlt
	}
	return st.Expect
}
