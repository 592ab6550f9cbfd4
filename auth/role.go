package auth

import (
	"net/http"
	"slices"
)

// Role is a role as it is stored, as a request sends it and as it is answered. The order of the fields is etcd's.
type Role struct {
	// Role is the name.
	Role        string      `json:"role"`
	Permissions Permissions `json:"permissions"`
	// Grant and Revoke are the changes that a request asks for. Empty ones are stored with a new role, as etcd does.
	Grant  *Permissions `json:"grant,omitempty"`
	Revoke *Permissions `json:"revoke,omitempty"`
}

// Permissions are the patterns of keys that may be read and written.
type Permissions struct {
	KV Patterns `json:"kv"`
}

// Patterns are lists of patterns; nil, which is null in JSON, and an empty list are told apart.
type Patterns struct {
	Read  []string `json:"read"`
	Write []string `json:"write"`
}

// Empty reports whether nothing is permitted. It may be called on nil.
func (p *Permissions) Empty() bool { return p == nil || len(p.KV.Read)+len(p.KV.Write) == 0 }

// rootRole allows everything, whatever its patterns say: they are what it is shown with.
var rootRole = everything(RootName)

// everything returns a role that may read and write all keys but the root as /v2/keys without a slash.
func everything(name string) *Role {
	return &Role{Role: name, Permissions: Permissions{KV: Patterns{Read: []string{"/*"}, Write: []string{"/*"}}}}
}

// merge returns the role with the changes of a request: first what it grants, then what it revokes. Revoking what is not
// there is not an error, granting what is there is. The answer for what changes nothing is the reference's, which takes null
// for a list that is not empty.
func (r Role) merge(in Role) (Role, error) {
	out := Role{Role: r.Role, Permissions: r.Permissions}
	kv := &out.Permissions.KV
	if in.Grant != nil {
		var err error
		if kv.Read, err = grant(kv.Read, in.Grant.KV.Read, "read"); err != nil {
			return Role{}, err
		}
		if kv.Write, err = grant(kv.Write, in.Grant.KV.Write, "write"); err != nil {
			return Role{}, err
		}
	}
	if in.Revoke != nil {
		kv.Read = revoke(kv.Read, in.Revoke.KV.Read)
		kv.Write = revoke(kv.Write, in.Revoke.KV.Write)
	}
	old := r.Permissions.KV
	if same(old.Read, kv.Read) && same(old.Write, kv.Write) && r.Grant == nil && r.Revoke == nil {
		return Role{}, refused(http.StatusBadRequest, "Role not updated. Use grant/revoke to update the role.")
	}
	return out, nil
}

func grant(list, more []string, kind string) ([]string, error) {
	out := unique(list)
	for _, pattern := range more {
		i, found := slices.BinarySearch(out, pattern)
		if found {
			return nil, refused(http.StatusConflict, "Granting duplicate %s permission %s", kind, pattern)
		}
		out = slices.Insert(out, i, pattern)
	}
	return out, nil
}

func revoke(list, less []string) []string {
	less = unique(less)
	return slices.DeleteFunc(unique(list), func(p string) bool {
		_, found := slices.BinarySearch(less, p)
		return found
	})
}
