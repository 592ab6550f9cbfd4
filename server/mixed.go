package server

import (
	"time"

	"go.uber.org/zap"

	"pando/raft"
	"pando/store"
)

// mixedPatience is how long a cluster may live by the rules for etcd members before
// that is worth a word.
const mixedPatience = time.Minute

// mixedReport is housekeeping's memory of when the cluster was last all Pando.
type mixedReport struct {
	since time.Time
	said  bool
}

// reportMixed says which members keep the cluster to the rules of etcd 2.3, once each time.
func (s *server) reportMixed(now time.Time) {
	m := &s.mixed
	switch {
	case s.node.Level() > 0:
		*m = mixedReport{}
	case m.since.IsZero():
		m.since = now
	case !m.said && now.Sub(m.since) > mixedPatience:
		m.said = true
		s.log.Warn("the cluster lives by the rules of etcd 2.3, with slower elections and no safe way to add members, because of these members; exchange them for pando, or remove them",
			zap.Strings("members", s.NotPando()))
	}
}

// NotPando implements httpapi.Server.
func (s *server) NotPando() []string {
	if s.node.Status().Rules > 0 {
		return nil
	}
	list := []string{}
	for _, m := range s.View().Members() {
		if m.Pando == 0 {
			list = append(list, describe(m))
		}
	}
	return list
}

// describe names a member for people.
func describe(m store.Member) string {
	switch id := raft.FormatID(m.ID); {
	case m.Name != "":
		return id + " (" + m.Name + ")"
	case len(m.ClientURLs) == 0:
		return id + " (not started yet)"
	default:
		return id
	}
}
