package auth

import "testing"

// The table is that of the cluster-api spec, section 9.2.
func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern       string
		yes, no       []string // keys
		yesRec, noRec []string // asked for with their subtree
	}{
		{"/foo", []string{"/foo"}, []string{"", "/", "/fo", "/foo/", "/foo/a", "/foobar"}, nil, []string{"/foo", "/foo/a"}},
		{"/foo*", []string{"/foo", "/foo/", "/foo/a", "/foobar"}, []string{"", "/", "/fo"}, []string{"/foo", "/foobar", "/foo/a"}, []string{"/", "/fo"}},
		{"/dir/*", []string{"/dir/", "/dir/a", "/dir/a/b"}, []string{"/dir", "/", ""}, []string{"/dir/", "/dir/a"}, []string{"/dir"}},
		{"*", []string{"", "/", "/a", "/a/b"}, nil, []string{"", "/", "/a"}, nil},
		{"/*", []string{"/", "/a"}, []string{""}, []string{"/", "/a"}, []string{""}},
		{"/f*o", []string{"/f*o"}, []string{"/foo", "/f", "/f*oo"}, nil, []string{"/f*o", "/foo"}},
		{"foo*", nil, []string{"", "/", "/foo", "/foobar"}, nil, []string{"/foo"}},
		{"", nil, []string{"", "/", "/a"}, nil, []string{"", "/"}}, // where the reference crashes
	} {
		for _, ask := range []struct {
			keys            []string
			recursive, want bool
		}{{c.yes, false, true}, {c.no, false, false}, {c.yesRec, true, true}, {c.noRec, true, false}} {
			for _, key := range ask.keys {
				r := &Role{Permissions: Permissions{KV: Patterns{Read: []string{c.pattern}}}}
				if got := r.allows(Want{Key: key, Recursive: ask.recursive}); got != ask.want {
					t.Errorf("%q allows reading %q, recursive %v: %v", c.pattern, key, ask.recursive, got)
				}
				if r.allows(Want{Key: key, Recursive: ask.recursive, Write: true}) {
					t.Errorf("%q for reading allows writing %q", c.pattern, key)
				}
			}
		}
	}
}
