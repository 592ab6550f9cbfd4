package store

import "pando/eventhistory"

// delete removes a file, or a directory if the command allows it: keys-api spec, section 9.
func (s *Store) delete(path string, c *Command) (*eventhistory.Event, *Error) {
	if readOnly(path) {
		return s.refuse(CodeRootReadOnly, "/")
	}
	n, err := s.find(path)
	switch {
	case err != nil:
		return nil, err
	case n.Dir() && !c.Dir && !c.Recursive:
		return s.refuse(CodeNotFile, path)
	case n.Len() > 0 && !c.Recursive:
		return s.refuse(CodeDirNotEmpty, path)
	}
	return s.remove(actionDelete, path, n.Dir()), nil
}

// compareAndDelete removes a file if it is what the command says. It is not told that the root is read only: the root is a
// directory, and refused as one.
func (s *Store) compareAndDelete(path string, c *Command) (*eventhistory.Event, *Error) {
	if _, err := s.compare(path, c); err != nil {
		return nil, err
	}
	return s.remove(actionCompareAndDelete, path, false), nil
}

// expire removes what is due at now, in nanoseconds since 1970, in the order of expiration. A directory takes what is
// below it along, due or not.
func (s *Store) expire(now int64) {
	for {
		path, expiration, ok := s.due.Next()
		if !ok || expiration > now {
			return
		}
		s.remove(actionExpire, path, false)
		s.stats.count(opExpire, true)
	}
}

// remove takes the node at path, which exists, out of the tree and tells of it. dir is what the event says of the node
// that is gone.
func (s *Store) remove(action, path string, dir bool) *eventhistory.Event {
	n := s.tree.Remove(path)
	r := s.newRecord(action, path, n.Created())
	s.setPrev(r, n)
	r.Node.Dir = dir
	s.setDue(path, n.Expiration(), 0)
	if n.Dir() {
		s.due.RemoveBelow(path)
	}
	return s.commit(r, n)
}
