package store

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"

	"pando/tree"
)

// Where etcd keeps its own records (etcd-compat spec, section 4).
const (
	membersName   = "members"
	removedName   = "removed_members"
	versionName   = "version"
	attributes    = "attributes"
	raftAttribute = "raftAttributes"
	enabledName   = "enabled"

	membersPath = clusterPrefix + "/" + membersName
	removedPath = clusterPrefix + "/" + removedName
)

// Member is what the tree knows of a member.
type Member struct {
	ID uint64
	// Name and ClientURLs are what the member published of itself; empty until it has.
	Name       string
	ClientURLs []string
	// PeerURLs are what it was added or updated with.
	PeerURLs []string
	// Pando is the level that a Pando member published; 0 for etcd.
	Pando int
}

// memberRaftAttributes is the value of a member's raftAttributes.
type memberRaftAttributes struct {
	PeerURLs []string `json:"peerURLs"`
}

// memberAttributes is the value of a member's attributes; etcd passes over what it does not know.
type memberAttributes struct {
	Name       string   `json:"name,omitempty"`
	ClientURLs []string `json:"clientURLs,omitempty"`
	Pando      int      `json:"pando,omitempty"`
}

// cluster is what the records below /0 say.
type cluster struct {
	// records is the directory that was read.
	records *tree.Node
	members []Member
	removed map[uint64]bool
	version string
}

// readCluster reads the records; nil stands for none. Records that cannot be understood are passed over: whoever wrote
// them, a View has to exist.
func readCluster(records *tree.Node) *cluster {
	c := &cluster{records: records, removed: map[uint64]bool{}}
	if records == nil {
		return c
	}
	for n := range childrenOf(records, membersName) {
		if m, ok := readMember(n); ok {
			c.members = append(c.members, m)
		}
	}
	slices.SortFunc(c.members, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	for n := range childrenOf(records, removedName) {
		if id, ok := parseID(n.Name()); ok {
			c.removed[id] = true
		}
	}
	if n := records.Child(versionName); n != nil {
		c.version = n.Value()
	}
	return c
}

// readMember reads the directory of a member. It is one if it has peer URLs.
func readMember(n *tree.Node) (Member, bool) {
	id, ok := parseID(n.Name())
	if !ok {
		return Member{}, false
	}
	m := Member{ID: id}
	peer := n.Child(raftAttribute)
	if peer == nil {
		return Member{}, false
	}
	var ra memberRaftAttributes
	if json.Unmarshal([]byte(peer.Value()), &ra) != nil {
		return Member{}, false
	}
	m.PeerURLs = ra.PeerURLs
	var a memberAttributes
	if own := n.Child(attributes); own != nil && json.Unmarshal([]byte(own.Value()), &a) == nil {
		m.Name, m.ClientURLs, m.Pando = a.Name, a.ClientURLs, a.Pando
	}
	return m, true
}

func childrenOf(n *tree.Node, name string) func(yield func(*tree.Node) bool) {
	if n = n.Child(name); n == nil {
		return func(func(*tree.Node) bool) {}
	}
	return n.Children()
}

// formatID is how IDs stand in paths: hexadecimal without leading zeros.
func formatID(id uint64) string { return strconv.FormatUint(id, 16) }

// parseID takes what formatID makes and nothing else, so that an ID has one record.
func parseID(s string) (uint64, bool) {
	id, err := strconv.ParseUint(s, 16, 64)
	return id, err == nil && s == formatID(id)
}
