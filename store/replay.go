package store

import "slices"

// Replay is Apply for a command that was applied before this process began, so that nobody waits for what it gives. If nobody watches
// either, of all events only those are kept that the history has room for, which saves most of the memory that a long log would
// leave behind. So nobody may begin to watch before the next Publish. The command's strings may be parts of its entry (UnmarshalShared).
func (s *Store) Replay(raftIndex, term uint64, c Command) {
	s.replaying = s.hub.Watchers() == 0
	s.Apply(raftIndex, term, c)
	s.replaying = false
}

// reuse takes back the records of events that wait to be published and that the history will have forgotten by then.
func (s *Store) reuse() {
	excess := len(s.pending) - s.history
	if excess < s.history {
		return
	}
	for _, r := range s.records[:excess] {
		if r.replayed {
			s.spare = append(s.spare, r)
		}
	}
	s.records, s.pending = slices.Delete(s.records, 0, excess), slices.Delete(s.pending, 0, excess)
}

// spareRecord returns one that was taken back, or a new one.
func (s *Store) spareRecord() *record {
	n := len(s.spare)
	if n == 0 {
		return &record{replayed: true}
	}
	r := s.spare[n-1]
	s.spare = s.spare[:n-1]
	*r = record{replayed: true}
	return r
}
