package httpapi

import (
	"net/http"
	"net/url"
	"path"
	"strings"
)

const (
	keysRoute = "/v2/keys"
	// keysPrefix is where the key space lies in the store.
	keysPrefix = "/1"
	// maxDepth is how many elements a key may have: twice as many JSON levels in a snapshot, and no decoder of Go reads more
	// than 10,000 (keys-api spec, section 3).
	maxDepth = 4000
)

// isUnclean says whether a path has an empty, "." or ".." element, or nothing at all. One slash at the end is clean.
func isUnclean(p string) bool {
	if p == "" {
		return true
	}
	for rest := p; ; {
		i := strings.IndexByte(rest, '/')
		if i < 0 {
			return false
		}
		rest = rest[i+1:]
		switch {
		case strings.HasPrefix(rest, "/"):
			return true
		case !strings.HasPrefix(rest, "."):
		case rest == "." || rest == "..", strings.HasPrefix(rest, "./"), strings.HasPrefix(rest, "../"):
			return true
		}
	}
}

// redirectToClean answers a request with an unclean path; nothing is executed. Decoding came first, so an encoded ".." is
// resolved here as well and can never climb out of the key space inside the store.
func redirectToClean(w http.ResponseWriter, r *http.Request) {
	clean := path.Clean("/" + r.URL.Path)
	if strings.HasSuffix(r.URL.Path, "/") && clean != "/" {
		clean += "/"
	}
	target := url.URL{Path: clean, RawQuery: r.URL.RawQuery}
	http.Redirect(w, r, target.String(), http.StatusMovedPermanently)
}

// keyOf returns the key that a clean path addresses, "" for the root, and whether it is in the key space at all. The key is
// absolute and has no slash at the end.
func keyOf(p string) (key string, ok bool) {
	key, ok = strings.CutPrefix(p, keysRoute)
	if !ok || key != "" && key[0] != '/' {
		return "", false
	}
	return strings.TrimSuffix(key, "/"), true
}

// tooDeep says whether a key has more elements than may be stored.
func tooDeep(key string, max int) bool {
	return len(key) >= 2*max && strings.Count(key, "/") > max
}

// shown strips the prefix of the key space off a path of the store. The root of the key space gives "".
func shown(storePath string) string { return strings.TrimPrefix(storePath, keysPrefix) }
