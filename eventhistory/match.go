package eventhistory

import (
	"slices"
	"strings"
)

// below says whether key lies strictly below dir, path-wise: /dx is not below /d.
func below(key, dir string) bool {
	if dir == "/" {
		return len(key) > 1
	}
	return len(key) > len(dir) && key[len(dir)] == '/' && key[:len(dir)] == dir
}

// hiddenBelow says whether an element of key after dir starts with '_'. Key lies below dir.
func hiddenBelow(key, dir string) bool {
	if dir == "/" {
		dir = ""
	}
	return strings.Contains(key[len(dir):], "/_")
}

// matchesLive tells whether a watcher that was registered before the event gets it: keys-api spec, section 15.2. The
// slot knows which watched paths the event removed. What the tree of watched paths finds for Notify has to agree.
func (s *slot) matchesLive(path string, recursive bool) bool {
	e := s.event
	if e.Refresh {
		return false
	}
	key := e.Node.Key
	if key == path || recursive && below(key, path) && !hiddenBelow(key, path) {
		return true
	}
	_, removed := slices.BinarySearch(s.removed, path)
	return removed
}

// matchesPast tells whether a watcher that asks for the past gets the event: keys-api spec, section 15.3. Hidden keys
// count here. Which nodes a removed directory had is not known any more, so everything below it counts; siblings whose
// name merely starts like the directory's, which the reference tells as well, do not.
func (s *slot) matchesPast(path string, recursive bool) bool {
	e := s.event
	if e.Refresh {
		return false
	}
	key := e.Node.Key
	return key == path || recursive && below(key, path) || e.removesDirectory() && below(path, key)
}
