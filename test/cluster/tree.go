package cluster

import (
	"bytes"
	"fmt"
	"net/http"
)

// SameTree waits until the members (all that were not removed, if none is named) are at the same index, and fails the test if
// they do not show the same tree then, byte by byte. No client may write, and no key may have a TTL, which each member
// counts by its own clock.
func (c *Cluster) SameTree(members ...*Member) {
	c.t.Helper()
	if len(members) == 0 {
		members = c.Members()
	}
	c.Await("the same tree everywhere", Patience, func() error {
		first, err := members[0].tree()
		if err != nil {
			return err
		}
		for _, m := range members[1:] {
			other, err := m.tree()
			if err != nil {
				return err
			}
			if a, b := first.Header.Get("X-Etcd-Index"), other.Header.Get("X-Etcd-Index"); a != b {
				return fmt.Errorf("%v is at index %s, %v at %s", members[0], a, m, b)
			}
			if !bytes.Equal(first.Body, other.Body) {
				c.t.Fatalf("at the same index, %v and %v have different trees:\n%s\n%s", members[0], m, first.Body, other.Body)
			}
		}
		return nil
	})
}

func (m *Member) tree() (*Reply, error) {
	r, err := m.Request(Patience, http.MethodGet, "/v2/keys/?recursive=true&sorted=true", "")
	if err == nil && r.Status != http.StatusOK {
		err = fmt.Errorf("%v: %v", m, r)
	}
	return r, err
}
