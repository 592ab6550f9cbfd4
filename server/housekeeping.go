package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"pando/raft"
	"pando/store"
)

// clusterVersion is what /0/version says: the protocol of etcd 2.3, which the
// data directory and the API speak.
const clusterVersion = "2.3.0"

// housekeeping is the server's own goroutine: what it writes itself, then the
// clock that expires keys.
func (s *server) housekeeping() {
	defer s.wg.Done()
	select {
	case <-s.node.Ready():
	case <-s.node.Done():
		s.fail(s.node.Err())
		return
	case <-s.life.Done():
		return
	}
	if err := s.admit(); err != nil {
		s.fail(err)
		return
	}
	// A lone member opens after its own writes, so that the first key of a fresh
	// one has index 4 as in the reference. A member of a cluster cannot know how
	// long they take.
	if !s.alone() {
		close(s.open)
		s.publish()
	} else {
		s.publish()
		s.settleVersion()
		close(s.open)
	}
	s.expire()
}

// admit looks at the replayed state before anybody else does.
func (s *server) admit() error {
	s.reportV3Keys()
	if s.View().Removed(s.MemberID()) {
		return raft.ErrRemoved
	}
	s.reportStranger()
	s.auth.WarnOfGuest()
	skipped := s.machine.takeSkipped()
	if len(skipped) > 0 {
		s.reportSkipped(skipped)
	}
	if v := s.View().ClusterVersion(); len(skipped) > 0 || s.alone() && v != "" && v != clusterVersion {
		// etcd 2.3 reads neither what was skipped nor that version. The snapshot that
		// the next entry brings about must have none of it.
		s.settleVersion()
		s.node.RequestSnapshot()
	}
	return nil
}

// tryOut implements raft.Config.TakeOver: whether what etcd 3 left behind can be
// read is found out before its directory is replaced.
func (s *server) tryOut() raft.StateMachine {
	st := store.New(store.Options{HistorySize: s.cfg.EventHistory, Now: hostTime})
	return &machine{store: st, peers: newPeers(st, s.log), log: s.log}
}

// reportV3Keys says so when etcd 3 kept keys of its own API beside the v2 data.
func (s *server) reportV3Keys() {
	for _, dir := range []string{s.cfg.SnapDir, filepath.Join(s.cfg.DataDir, "member.before-pando", "snap")} {
		db := filepath.Join(dir, "db")
		info, err := os.Stat(db)
		if err != nil {
			continue
		}
		s.log.Warn("etcd 3's own key space is in this file, which is left alone: keys written through that API are not served",
			zap.String("file", db), zap.Int64("bytes", info.Size()))
	}
}

// reportStranger says so when the members in the directory are others: it is a
// copy, and nobody will ever lead here.
func (s *server) reportStranger() {
	if slices.ContainsFunc(s.View().Members(), func(m store.Member) bool { return m.ID == s.MemberID() }) {
		return
	}
	s.log.Error("this member is not among the members of its own data directory, so it can never write: " +
		"it was made by etcdctl backup, and has to be started once with --force-new-cluster")
}

func (s *server) reportSkipped(kinds map[string]int) {
	var list []string
	total := 0
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		list = append(list, fmt.Sprintf("%s: %d", kind, kinds[kind]))
		total += kinds[kind]
	}
	s.log.Warn("the log holds requests of etcd 3's own API, which are kept but not served: keys written through that API are not visible here",
		zap.Int("entries", total), zap.String("by kind", strings.Join(list, ", ")))
}

// alone reports whether this member is the only one.
func (s *server) alone() bool {
	m := s.View().Members()
	return len(m) == 1 && m[0].ID == s.MemberID()
}

// publish writes this member's name and client URLs into the tree, which every
// start does. It repeats what fails until it succeeds or the server stops; on a
// full disk it gives up, and expire tries again when there is room.
func (s *server) publish() {
	id := raft.FormatID(s.MemberID())
	attributes, err := json.Marshal(struct {
		Name       string   `json:"name,omitempty"`
		ClientURLs []string `json:"clientURLs,omitempty"`
		Pando      int      `json:"pando"` // the level (replication design, section 3)
	}{s.cfg.Name, s.cfg.AdvertiseClient, 1})
	if err != nil {
		s.fail(err)
		return
	}
	if !s.write(store.Command{Method: "PUT", Path: "/0/members/" + id + "/attributes", Val: string(attributes)}) {
		return
	}
	s.log.Info("published {Name:" + s.cfg.Name + " ClientURLs:[" + strings.Join(s.cfg.AdvertiseClient, " ") + "]} to cluster " +
		raft.FormatID(s.ClusterID()))
	s.published = true
}

// settleVersion lets the leader write the cluster's version where it is missing,
// or where a lone member took over a directory of another.
func (s *server) settleVersion() {
	if s.Leader() != s.MemberID() || !s.versionDue() {
		return
	}
	if s.write(store.Command{Method: "PUT", Path: "/0/version", Val: clusterVersion}) {
		s.log.Info("set the cluster version to " + clusterVersion)
	}
}

func (s *server) versionDue() bool {
	v := s.View().ClusterVersion()
	return v == "" || v != clusterVersion && s.alone()
}

// write proposes one of the server's own commands until it succeeds. False: the
// server stops, or the disk is full and somebody has to see to that first.
func (s *server) write(c store.Command) bool {
	for {
		r, err := s.Do(s.life, c)
		switch {
		case err == nil && r.Err != nil:
			s.log.Error("the server's own write was refused", zap.String("path", c.Path), zap.Error(r.Err))
			return false
		case err == nil:
			return true
		case s.life.Err() != nil || s.stopped() || s.node.Status().DiskFull:
			return false
		}
		s.log.Warn("the server's own write is tried again", zap.String("path", c.Path), zap.Error(err))
		select { // what is refused is refused at once
		case <-time.After(expiryInterval):
		case <-s.node.Done():
			return false
		case <-s.life.Done():
			return false
		}
	}
}

func (s *server) stopped() bool {
	select {
	case <-s.node.Done():
		return true
	default:
		return false
	}
}

const (
	// expiryInterval is the shortest time between two looks for keys whose time has
	// come, and so how late one goes at most. The reference looks each 500 ms; locks
	// and leases profit from less.
	expiryInterval = 100 * time.Millisecond
	// idleInterval is the longest. No TTL is shorter than a second, so a look in between
	// finds every key before its time, whatever is written meanwhile; and the machine's
	// clock may be set.
	idleInterval = 500 * time.Millisecond
	// followerInterval is for who does not lead, and so lets nothing expire.
	followerInterval = 2 * time.Second
)

// etcdPulse is how often a leader lets etcd members apply something, as etcd's leader does.
const etcdPulse = 500 * time.Millisecond

// overwritten reports whether what this member has published is gone: an etcd that was
// in its place before has had its own word carried out late.
func (s *server) overwritten() bool {
	return slices.ContainsFunc(s.View().Members(), func(m store.Member) bool { return m.ID == s.MemberID() && m.Pando == 0 })
}

// expire runs until the server stops. Keys expire through the log only: the
// leader proposes its clock, and every member removes the same keys at the same
// index (etcd-compat spec, section 3).
func (s *server) expire() {
	next := time.NewTimer(expiryInterval)
	defer next.Stop()
	for {
		select {
		case <-next.C:
			now := time.Now()
			if (!s.published || s.overwritten()) && s.Healthy() {
				s.publish()
			}
			s.settleVersion()
			s.sync(now)
			s.reportMixed(now)
			next.Reset(s.rest())
		case <-s.elected:
			next.Reset(expiryInterval) // perhaps it is this member
		case <-s.node.Done():
			err := s.node.Err()
			if err == nil {
				err = errors.New("the replication engine stopped")
			}
			s.fail(err)
			return
		case <-s.life.Done():
			return
		}
	}
}

// rest is how long housekeeping may sleep after a look at the clock: until the first
// key is due if this member leads, within the limits above, but not beside members that are etcd.
func (s *server) rest() time.Duration {
	if !s.published || s.versionDue() || s.node.Level() == 0 {
		return expiryInterval
	}
	if st := s.node.Status(); st.Leader != st.MemberID {
		return followerInterval
	}
	due, ok := s.store.NextExpiration()
	if !ok {
		return idleInterval
	}
	return min(max(time.Unix(0, due).Sub(hostTime()), expiryInterval), idleInterval)
}

// sync proposes the clock if this member leads and a key is due. For a while after
// an election or a start nothing expires: owners that are alive could not refresh
// their keys meanwhile (replication design, section 4). Etcd members are told even if
// nothing is due: they call themselves healthy only while something is applied.
func (s *server) sync(now time.Time) {
	st := s.node.Status()
	if st.Leader != st.MemberID || st.OutOfTouch {
		return
	}
	clock := hostTime().UnixNano()
	due, ok := s.store.NextExpiration()
	if !ok || due > clock || now.Sub(st.LeaderSince) < s.cfg.TTLGrace {
		if s.node.Level() > 0 || now.Sub(s.synced) < etcdPulse {
			return
		}
		clock = 0 // at which nothing is due
	}
	s.synced = now
	ctx, cancel := context.WithTimeout(s.life, s.requestTimeout())
	defer cancel()
	if _, err := s.Do(ctx, store.Command{Method: "SYNC", Time: clock}); err != nil && s.life.Err() == nil {
		s.log.Warn("expired keys stay a little longer", zap.Error(err))
	}
}
