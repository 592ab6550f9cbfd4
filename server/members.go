package server

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"go.uber.org/zap"

	"pando/config"
	"pando/httpapi"
	"pando/raft"
	"pando/store"
)

// memberChange is a change of the membership on its way to the leader. It can be
// sent again after a doubtful end: the ID of a new member is chosen before.
type memberChange struct {
	Method   string   `json:"method"` // POST, PUT or DELETE, as on /v2/members
	ID       uint64   `json:"id"`
	PeerURLs []string `json:"peerURLs,omitempty"`
}

// AddMember implements httpapi.Server.
func (s *server) AddMember(ctx context.Context, peerURLs []string) (store.Member, error) {
	if s.cfg.StrictReconfig && !s.startedAreQuorum(0, 1) {
		return store.Member{}, errNotStrict
	}
	m := store.Member{ID: s.newMemberID(peerURLs, hostTime()), PeerURLs: peerURLs}
	return m, s.changeMembership(ctx, memberChange{http.MethodPost, m.ID, peerURLs})
}

// UpdateMember implements httpapi.Server.
func (s *server) UpdateMember(ctx context.Context, id uint64, peerURLs []string) error {
	return s.changeMembership(ctx, memberChange{http.MethodPut, id, peerURLs})
}

// RemoveMember implements httpapi.Server.
func (s *server) RemoveMember(ctx context.Context, id uint64) error {
	if s.cfg.StrictReconfig && !s.startedAreQuorum(id, 0) {
		return errNotStrict
	}
	return s.changeMembership(ctx, memberChange{Method: http.MethodDelete, ID: id})
}

// newMemberID makes the ID as the reference does, of the URLs and the time in seconds.
// It takes a later second where the ID is in use or was removed, as when a member is
// removed and added again at once.
func (s *server) newMemberID(peerURLs []string, now time.Time) uint64 {
	v := s.View()
	for second := now.Unix(); ; second++ {
		id := config.MemberID(peerURLs, strconv.FormatInt(second, 10))
		if !v.Removed(id) && !slices.ContainsFunc(v.Members(), func(m store.Member) bool { return m.ID == id }) {
			return id
		}
	}
}

// errNotStrict refuses what --strict-reconfig-check refuses in the reference.
var errNotStrict = errors.New("re-configuration failed due to not enough started members (--strict-reconfig-check)")

// startedAreQuorum applies the reference's strict check: enough members have ever been
// started, without the one to be removed and with so many new ones. A lone member may
// always be joined by a second.
func (s *server) startedAreQuorum(without uint64, more int) bool {
	all, started := more, 0
	for _, m := range s.View().Members() {
		if m.ID == without {
			continue
		}
		all++
		if m.Name != "" {
			started++
		}
	}
	return started > all/2 || more == 1 && all == 2 && started == 1
}

// changeHere carries out a change if this member leads.
func (s *server) changeHere(ctx context.Context, c memberChange) error {
	err := s.node.ChangeMembership(ctx, s.changeOf(c))
	var unsafe *raft.UnsafeError
	switch {
	case err == nil:
		s.log.Info("membership changed", zap.String("method", c.Method), zap.String("id", raft.FormatID(c.ID)), zap.Strings("peer urls", c.PeerURLs))
		return nil
	case errors.Is(err, raft.ErrChangeInvalid):
		return s.whyInvalid(c)
	case errors.Is(err, raft.ErrLastMember), errors.As(err, &unsafe):
		return &httpapi.MemberError{Status: http.StatusConflict, Message: err.Error()}
	case errors.Is(err, raft.ErrTooManyRequests):
		return &httpapi.MemberError{Status: http.StatusServiceUnavailable, Message: "too many membership changes are waiting"}
	case errors.Is(err, raft.ErrStopped):
		return httpapi.ErrStopped
	case errors.Is(err, raft.ErrInDoubt):
		return errors.Join(errNoAnswer, err)
	}
	return err
}

func (s *server) changeOf(c memberChange) raft.Change {
	switch c.Method {
	case http.MethodDelete:
		return raft.Change{Kind: raft.RemoveMember, ID: c.ID}
	case http.MethodPut:
		return raft.Change{Kind: raft.UpdateMember, ID: c.ID, Context: config.MemberContext(c.ID, "", c.PeerURLs)}
	}
	return raft.Change{Kind: raft.AddLearner, ID: c.ID, Context: config.MemberContext(c.ID, "", c.PeerURLs)}
}

const (
	idExists      = "etcdserver: ID exists"
	peerURLExists = "etcdserver: peerURL exists"
)

// whyInvalid finds out why a change was refused when it was applied. The View shows
// the moment after it (cluster-api spec, section 2).
func (s *server) whyInvalid(c memberChange) error {
	v := s.View()
	members := v.Members()
	known := slices.ContainsFunc(members, func(m store.Member) bool { return m.ID == c.ID })
	switch {
	case v.Removed(c.ID) && c.Method == http.MethodDelete:
		return &httpapi.MemberError{Status: http.StatusGone, Message: "Member permanently removed: " + raft.FormatID(c.ID)}
	case v.Removed(c.ID):
		return errors.New("the member was removed, and its ID cannot be used again")
	case known && c.Method == http.MethodPost:
		return &httpapi.MemberError{Status: http.StatusConflict, Message: idExists}
	case !known && c.Method != http.MethodPost:
		return httpapi.NoSuchMember(raft.FormatID(c.ID))
	}
	return &httpapi.MemberError{Status: http.StatusConflict, Message: peerURLExists}
}
