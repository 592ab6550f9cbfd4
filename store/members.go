package store

import (
	"encoding/json"
	"slices"
	"strings"
)

// MemberChangeKind says what a membership change does; the numbers are raft's types of conf changes.
type MemberChangeKind int

const (
	// AddMember adds a voter that is no learner yet.
	AddMember MemberChangeKind = iota
	// RemoveMember removes a voter or a learner; its ID cannot come back.
	RemoveMember
	// UpdateMember gives a member other peer URLs.
	UpdateMember
	// AddLearner adds a member that does not vote. For the tree it is AddMember.
	AddLearner
)

// MemberChange is a conf change as it stands in the log.
type MemberChange struct {
	Kind MemberChangeKind
	ID   uint64
	// Context is the member in JSON, {"id":1,"peerURLs":["http://…"],"name":"…"}; nothing for RemoveMember.
	Context []byte
}

// ApplyMember carries out a membership change on etcd's own records and says whether it is valid there: the rules are
// those of etcd 2.3.8 (etcd-compat spec, section 3). An invalid one changes nothing and takes no index; raft has to pass
// over it as well. The promotion of a learner changes nothing in the tree and must not be given to ApplyMember, which
// would refuse it: the tree does not know who is a learner. Only the apply goroutine calls it.
func (s *Store) ApplyMember(c MemberChange) (valid bool) {
	members, removed := s.members()
	known := slices.ContainsFunc(members, func(m Member) bool { return m.ID == c.ID })
	if c.ID == 0 || removed[c.ID] {
		return false
	}
	switch c.Kind {
	case AddMember, AddLearner:
		urls, ok := c.peerURLs(members)
		return ok && !known && s.setPeerURLs(c.ID, urls, false)
	case UpdateMember:
		urls, ok := c.peerURLs(members)
		return ok && known && s.setPeerURLs(c.ID, urls, true)
	case RemoveMember:
		return known && s.removeMember(c.ID)
	}
	return false
}

// Members are the members as they are now, published or not, and the directory of their records, which is another one
// when anything in it has changed. Only the apply goroutine calls it, and what it returns.
func (s *Store) Members() (records *Node, members func() []Member) {
	records, reached := s.tree.Lookup(clusterPrefix)
	if reached < len(clusterPrefix) {
		records = nil
	}
	return records, func() []Member { return readCluster(records).members }
}

// members reads the records as they are now, published or not.
func (s *Store) members() ([]Member, map[uint64]bool) {
	records, reached := s.tree.Lookup(clusterPrefix)
	if reached < len(clusterPrefix) {
		records = nil
	}
	c := readCluster(records)
	return c.members, c.removed
}

// peerURLs reads the context. It is not ok if it belongs to another member, or if another member has one of the URLs.
func (c *MemberChange) peerURLs(members []Member) (urls []string, ok bool) {
	var context struct {
		ID uint64 `json:"id"`
		memberRaftAttributes
	}
	if json.Unmarshal(c.Context, &context) != nil || context.ID != c.ID {
		return nil, false
	}
	for _, m := range members {
		if m.ID == c.ID {
			continue
		}
		for _, url := range context.PeerURLs {
			if slices.Contains(m.PeerURLs, url) {
				return nil, false
			}
		}
	}
	return context.PeerURLs, true
}

// setPeerURLs writes a member's raftAttributes: one index.
func (s *Store) setPeerURLs(id uint64, urls []string, exists bool) bool {
	value, err := json.Marshal(memberRaftAttributes{PeerURLs: urls})
	if err != nil {
		return false
	}
	path := membersPath + "/" + formatID(id) + "/" + raftAttribute
	return s.Apply(0, 0, Command{Method: MethodPut, Path: path, Val: string(value), PrevExist: boolean(exists)}).Err == nil
}

// removeMember deletes the member's records and remembers its ID: two indexes.
func (s *Store) removeMember(id uint64) bool {
	gone := Command{Method: MethodDelete, Path: membersPath + "/" + formatID(id), Dir: true, Recursive: true}
	tomb := Command{Method: MethodPut, Path: removedPath + "/" + formatID(id), PrevExist: boolean(false)}
	return s.Apply(0, 0, gone).Err == nil && s.Apply(0, 0, tomb).Err == nil
}

// ignoresAttributes says whether a command publishes attributes of a member that the cluster does not have. etcd 2.3.8
// passes over those of a removed member without taking an index; it does not survive those of one that it never knew,
// and attributes that are no JSON: these are passed over as well, so that etcd can read what Pando leaves behind.
// Only a plain PUT is looked at, and only below /0, where no client gets to.
func (s *Store) ignoresAttributes(c *Command) bool {
	if c.Method != MethodPut || c.PrevExist != nil || c.compares() {
		return false
	}
	rest, ok := strings.CutPrefix(c.Path, membersPath+"/")
	if !ok {
		return false
	}
	id, ok := strings.CutSuffix(rest, "/"+attributes)
	if !ok || strings.Contains(id, "/") {
		return false
	}
	var a memberAttributes
	return json.Unmarshal([]byte(c.Val), &a) != nil || !s.knows(id)
}

// knows says whether there is a member whose ID is written like this.
func (s *Store) knows(id string) bool {
	dir, reached := s.tree.Lookup(membersPath + "/" + id)
	if reached < len(membersPath)+1+len(id) {
		return false
	}
	_, ok := readMember(dir)
	return ok
}
