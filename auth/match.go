package auth

import (
	"slices"
	"strings"
)

// Want is what a request asks of a key.
type Want struct {
	// Key is the decoded path below /v2/keys as it was sent: "" for the root, with a slash at the end if there was one.
	Key string
	// Write is set for everything but GET and HEAD.
	Write bool
	// Recursive is set if the request asks for the whole subtree, whatever its method.
	Recursive bool
}

// allows reports whether the role allows what is asked for.
func (r *Role) allows(w Want) bool {
	if r == rootRole {
		return true
	}
	patterns := r.Permissions.KV.Read
	if w.Write {
		patterns = r.Permissions.KV.Write
	}
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, w) })
}

// matches reports whether a pattern covers a key: cluster-api spec, section 9.2. A star at the end stands for any rest,
// elsewhere for itself. Only such a pattern covers a subtree. An empty pattern covers nothing: the reference crashes there.
func matches(pattern string, w Want) bool {
	if prefix, open := strings.CutSuffix(pattern, "*"); open {
		return strings.HasPrefix(w.Key, prefix)
	}
	return pattern != "" && pattern == w.Key && !w.Recursive
}
