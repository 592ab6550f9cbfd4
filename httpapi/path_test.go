package httpapi

import (
	"path"
	"strings"
	"testing"
)

func TestUncleanPathsAreSentElsewhere(t *testing.T) {
	g := newRig(t, Options{})
	before := g.View().Index
	for _, c := range []struct{ target, location string }{
		{"/v2/keys/a//b?x=1&y", "/v2/keys/a/b?x=1&y"},
		{"/v2/keys/a/./b", "/v2/keys/a/b"},
		{"/v2/keys/a/.", "/v2/keys/a"},
		{"/v2/keys/a/..", "/v2/keys"},
		{"/v2/keys/a//", "/v2/keys/a/"},
		{"/v2/keys/%2e%2e/1", "/v2/1"},
		{"/v2/keys/..%2f1", "/v2/1"},
		{"/v2/keys/%2F%2Fa", "/v2/keys/a"},
		{"/v2/keys/../../../0", "/0"},
		{"/v2/keys//%25%20%C3%A9%0d%0a", "/v2/keys/%25%20%C3%A9%0D%0A"},
		{"//v2/keys/a", "/v2/keys/a"},
		{"/nonsense//x", "/nonsense/x"},
		{"http://h", "/"},
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"} {
			form := ""
			if method == "PUT" {
				form = "value=x"
			}
			target := c.target
			if strings.HasPrefix(target, "//") {
				target = "http://h" + target
			}
			w := g.do(method, target, form)
			if w.Code != 301 || w.Header().Get("Location") != c.location || w.Header().Get("X-Etcd-Index") != "" {
				t.Errorf("%s %s: %d, Location %q", method, c.target, w.Code, w.Header().Get("Location"))
			}
			wantBody, wantType := "", ""
			switch method {
			case "GET":
				wantBody = `<a href="` + strings.ReplaceAll(c.location, "&", "&amp;") + `">Moved Permanently</a>.` + "\n\n"
				fallthrough
			case "HEAD":
				wantType = "text/html; charset=utf-8"
			}
			if w.Body.String() != wantBody || w.Header().Get("Content-Type") != wantType {
				t.Errorf("%s %s: %q %q", method, c.target, w.Header().Get("Content-Type"), w.Body)
			}
		}
	}
	if after := g.View().Index; after != before {
		t.Error("something was written")
	}
}

func FuzzIsUnclean(f *testing.F) {
	for _, s := range []string{"/", "/a/", "//", "/...", "/..a", "/a/..", "/./", "/.x/..y", "/%"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, p string) {
		p = "/" + strings.TrimPrefix(p, "/")
		clean := path.Clean(p)
		if strings.HasSuffix(p, "/") && clean != "/" {
			clean += "/"
		}
		if isUnclean(p) != (clean != p) {
			t.Errorf("%q is said to be unclean: %v; cleaned it is %q", p, isUnclean(p), clean)
		}
	})
}
