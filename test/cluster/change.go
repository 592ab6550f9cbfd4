package cluster

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Add asks a member to add one more, and prepares it to be started. An etcd 3 refuses as long as not all members have been
// connected for 5 s, and all refuse an id that was removed within the same second: both are asked again.
func (c *Cluster) Add(through *Member) *Member {
	c.t.Helper()
	m := c.member()
	c.add(m, through)
	return m
}

// AddAgain adds a member that was removed, which is a new one then, on the same ports and directory.
func (c *Cluster) AddAgain(m, through *Member) {
	c.t.Helper()
	m.removed = false
	c.add(m, through)
}

func (c *Cluster) add(m, through *Member) {
	c.t.Helper()
	c.Await("to add "+m.Name, c.changePatience(), func() error {
		r, err := through.PostMember(Request+short, m.PeerURL)
		if err == nil && r.Status != http.StatusCreated && !(c.options.Insist && through.lists(m)) {
			err = fmt.Errorf("%v", r)
		}
		return err
	})
	m.initial, m.state = c.initial(through, m), "existing"
}

// lists reports whether a member knows another one: its addition may have been carried out although its answer was an error.
func (m *Member) lists(other *Member) bool {
	for _, i := range m.List() {
		if slices.Contains(i.PeerURLs, other.PeerURL) {
			return true
		}
	}
	return false
}

// initial is an --initial-cluster with everybody whom a member lists, and the new one.
func (c *Cluster) initial(lists, added *Member) string {
	c.t.Helper()
	all := []string{added.Name + "=" + added.PeerURL}
	for _, i := range lists.List() {
		for _, m := range c.all {
			if m != added && len(i.PeerURLs) == 1 && i.PeerURLs[0] == m.PeerURL {
				all = append(all, m.Name+"="+m.PeerURL)
			}
		}
	}
	return strings.Join(all, ",")
}

// PostMember asks this member to add one with a peer URL. Any goroutine may call it.
func (m *Member) PostMember(timeout time.Duration, peerURL string) (*Reply, error) {
	body, err := json.Marshal(map[string][]string{"peerURLs": {peerURL}})
	if err != nil {
		return nil, err
	}
	return m.Request(timeout, http.MethodPost, "/v2/members", string(body))
}

// Remove asks a member to remove another one or itself. The process is left to itself. An etcd 3 is asked again for the same reason
// as by Add.
func (c *Cluster) Remove(m, through *Member) {
	c.t.Helper()
	id := m.ID(through)
	c.Await("to remove "+m.Name, c.changePatience(), func() error {
		r, err := through.Request(Request+short, http.MethodDelete, "/v2/members/"+id, "")
		if err == nil && r.Status != http.StatusNoContent && !(c.options.Insist && r.Status == http.StatusGone) {
			err = fmt.Errorf("%v", r)
		}
		return err
	})
	m.removed = true
}

// changePatience is how long a change of the membership is asked for again. Pando is asked once, unless a test insists.
func (c *Cluster) changePatience() time.Duration {
	for _, m := range c.Members() {
		if m.Kind() != Pando || c.options.Insist {
			return Patience
		}
	}
	return 0
}
