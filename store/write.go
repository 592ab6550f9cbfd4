package store

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"pando/eventhistory"
	"pando/tree"
)

// oldest is the year 2000: what set and create are told to let expire before it is permanent.
var oldest = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano()

// plausible is the expiration that set and create go by. Update and compareAndSwap take any.
func plausible(expiration int64) int64 {
	if expiration < oldest {
		return 0
	}
	return expiration
}

// set makes a node or replaces a file: keys-api spec, sections 7.1 and 14.
func (s *Store) set(path string, c *Command) (*eventhistory.Event, *Error) {
	old, reached := s.tree.Lookup(path)
	found := reached == len(path)
	value := c.Val
	switch {
	case !found && (!old.Dir() || c.refreshes()):
		return nil, missing(path, old, reached, s.index)
	case readOnly(path):
		return s.refuse(CodeRootReadOnly, "/")
	case found && old.Dir():
		return s.refuse(CodeNotFile, path)
	case c.refreshes():
		value = old.Value()
	}
	r := s.newRecord(actionSet, path, s.index+1)
	if found {
		s.setPrev(r, old)
	}
	s.write(r, c.Dir, value, plausible(c.Expiration))
	r.Refresh = c.refreshes()
	return s.commit(r, nil), nil
}

// create makes a node that must not be there yet: keys-api spec, section 7.2.
func (s *Store) create(path string, c *Command) (*eventhistory.Event, *Error) {
	if readOnly(path) {
		return s.refuse(CodeRootReadOnly, "/")
	}
	last, reached := s.tree.Lookup(path)
	switch {
	case reached == len(path):
		return s.refuse(CodeKeyExists, path)
	case !last.Dir():
		return nil, missing(path, last, reached, s.index)
	}
	r := s.newRecord(actionCreate, path, s.index+1)
	s.write(r, c.Dir, c.Val, plausible(c.Expiration))
	return s.commit(r, nil), nil
}

// post makes a child of path that is named after the index: keys-api spec, section 8.
func (s *Store) post(path string, c *Command) (*eventhistory.Event, *Error) {
	if path == "/" {
		path = ""
	}
	const digits = 20
	index := strconv.FormatUint(s.index+1, 10)
	return s.create(path+"/"+"00000000000000000000"[:digits-len(index)]+index, c)
}

// write puts the node of a record into the tree, where something new is to be made, and tells the record of it. The
// caller has made sure that no file is in the way.
func (s *Store) write(r *record, dir bool, value string, expiration int64) {
	path := r.Node.Key
	a := tree.Attr{Created: r.Node.CreatedIndex, Modified: r.Node.ModifiedIndex, Expiration: expiration}
	if dir {
		s.tree.PutDir(path, a)
	} else {
		s.tree.PutFile(path, value, a)
	}
	s.setDue(path, r.prev.Expiration, expiration)
	s.setContent(r, dir, value, expiration)
}

// setDue keeps track of a node whose expiration was old; 0 stands for none.
func (s *Store) setDue(path string, old, expiration int64) {
	switch {
	case expiration != 0:
		if s.replaying {
			path = strings.Clone(path) // it may be a part of the log
		}
		s.due.Set(path, expiration)
	case old != 0:
		s.due.Remove(path)
	}
}

// update changes the value and the TTL of a file, or the TTL of a directory: keys-api spec, section 7.3. A directory keeps
// its modifiedIndex, although the event says otherwise.
func (s *Store) update(path string, c *Command) (*eventhistory.Event, *Error) {
	if readOnly(path) {
		return s.refuse(CodeRootReadOnly, "/")
	}
	old, err := s.find(path)
	if err != nil {
		return nil, err
	}
	if !old.Dir() {
		return s.replace(actionUpdate, path, old, c), nil
	}
	if c.Val != "" {
		return s.refuse(CodeNotFile, path)
	}
	r := s.newRecord(actionUpdate, path, old.Created())
	s.setPrev(r, old)
	s.tree.SetExpiration(path, c.Expiration)
	s.setDue(path, r.prev.Expiration, c.Expiration)
	s.setContent(r, true, "", c.Expiration)
	r.Refresh = c.refreshes()
	return s.commit(r, nil), nil
}

// compareAndSwap changes a file if it is what the command says: keys-api spec, section 7.4.
func (s *Store) compareAndSwap(path string, c *Command) (*eventhistory.Event, *Error) {
	if readOnly(path) {
		return s.refuse(CodeRootReadOnly, "/")
	}
	old, err := s.compare(path, c)
	if err != nil {
		return nil, err
	}
	return s.replace(actionCompareAndSwap, path, old, c), nil
}

// replace gives a file a new value and TTL; createdIndex stays.
func (s *Store) replace(action, path string, old *tree.Node, c *Command) *eventhistory.Event {
	value := c.Val
	if c.refreshes() {
		value = old.Value()
	}
	r := s.newRecord(action, path, old.Created())
	s.setPrev(r, old)
	s.write(r, false, value, c.Expiration)
	r.Refresh = c.refreshes()
	return s.commit(r, nil)
}

// compare returns the file at path if it is what the command says.
func (s *Store) compare(path string, c *Command) (*tree.Node, *Error) {
	n, err := s.find(path)
	if err != nil {
		return nil, err
	}
	if n.Dir() {
		return nil, NewError(CodeNotFile, path, s.index)
	}
	value := c.PrevValue == "" || c.PrevValue == n.Value()
	index := c.PrevIndex == 0 || c.PrevIndex == n.Modified()
	switch {
	case value && index:
		return n, nil
	case index:
		return nil, s.compareFailed(fmt.Sprintf("[%s != %s]", c.PrevValue, n.Value()))
	case value:
		return nil, s.compareFailed(fmt.Sprintf("[%d != %d]", c.PrevIndex, n.Modified()))
	}
	return nil, s.compareFailed(fmt.Sprintf("[%s != %s] [%d != %d]", c.PrevValue, n.Value(), c.PrevIndex, n.Modified()))
}

func (s *Store) compareFailed(cause string) *Error {
	return NewError(CodeCompareFailed, cause, s.index)
}
