package store

import (
	"pando/eventhistory"
	"pando/tree"
)

// Result is what applying a command gave: an event or an error. Both are nil for SYNC, and for member attributes that were
// passed over.
type Result struct {
	// Event tells of the change. That of a QGET shows the node alone; its children are in a View taken now.
	Event *eventhistory.Event
	Err   *Error
}

// Apply carries out a command exactly as etcd 2.3.8 does, accidents included (keys-api spec, sections 5 to 9, 13 and 14): in a
// mixed cluster every member has to take the same index for the same entry. raftIndex and term say where the command
// stands in the log; none of etcd's commands depends on them. Only the apply goroutine calls it. Nothing is visible
// before Publish.
func (s *Store) Apply(raftIndex, term uint64, c Command) Result {
	switch c.Method {
	case MethodPut, MethodPost, MethodDelete, MethodQGet:
		if s.ignoresAttributes(&c) {
			return Result{}
		}
		op, event, err := s.carryOut(cleanPath(c.Path), &c)
		s.stats.countResult(op, err)
		return Result{Event: event, Err: err}
	case MethodSync:
		s.expire(c.Time)
		return Result{}
	}
	return Result{Err: NewError(CodeRaftInternal, "etcdserver: unknown method", 0)}
}

// carryOut finds out which operation a command means: keys-api spec, section 5.
func (s *Store) carryOut(path string, c *Command) (op operation, event *eventhistory.Event, err *Error) {
	switch {
	case c.Method == MethodQGet:
		op = opGet
		event, err = s.get(path)
	case c.Method == MethodPost:
		op = opCreate
		event, err = s.post(path, c)
	case c.Method == MethodDelete && c.compares():
		op = opCompareAndDelete
		event, err = s.compareAndDelete(path, c)
	case c.Method == MethodDelete:
		op = opDelete
		event, err = s.delete(path, c)
	case c.PrevExist != nil && !*c.PrevExist:
		op = opCreate
		event, err = s.create(path, c)
	case c.compares():
		op = opCompareAndSwap
		event, err = s.compareAndSwap(path, c)
	case c.PrevExist != nil:
		op = opUpdate
		event, err = s.update(path, c)
	default:
		op = opSet
		event, err = s.set(path, c)
	}
	return op, event, err
}

func (s *Store) refuse(code int, cause string) (*eventhistory.Event, *Error) {
	return nil, NewError(code, cause, s.index)
}

// find returns the node at path, or the error of a path that leads nowhere.
func (s *Store) find(path string) (*tree.Node, *Error) {
	n, reached := s.tree.Lookup(path)
	if reached < len(path) {
		return nil, missing(path, n, reached, s.index)
	}
	return n, nil
}

// missing is the error of a path that was walked to last, at path[:reached], and no further.
func missing(path string, last *tree.Node, reached int, index uint64) *Error {
	if !last.Dir() {
		return NewError(CodeNotDir, path[:reached], index)
	}
	end := reached + 1
	for end < len(path) && path[end] != '/' {
		end++
	}
	return NewError(CodeKeyNotFound, path[:end], index)
}

// readOnly says whether the directory at path is one that etcd makes at the start and that nobody may change. The auth
// directory is none of them.
func readOnly(path string) bool {
	return path == "/" || path == clusterPrefix || path == keysPrefix
}

func (s *Store) get(path string) (*eventhistory.Event, *Error) {
	n, err := s.find(path)
	if err != nil {
		return nil, err
	}
	r := s.newRecord(actionGet, path, n.Created())
	r.Node.ModifiedIndex = n.Modified()
	s.setContent(r, n.Dir(), n.Value(), n.Expiration())
	return &r.Event, nil
}
