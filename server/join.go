package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"pando/config"
	"pando/store"
)

const (
	probeTimeout = time.Second      // for each of the others, before a new cluster starts
	joinTimeout  = 10 * time.Second // for each of the others, before a member joins
	maxAnswer    = 1 << 20          // bytes of a member list
)

// remoteCluster is what one member says of its cluster on its peer port.
type remoteCluster struct {
	url     string // that answered
	id      uint64
	members []store.Member
}

// askMembers reads /members from the first of the URLs that answers.
func askMembers(ctx context.Context, client *http.Client, urls []string, timeout time.Duration) (*remoteCluster, error) {
	failed := errors.New("no other member is listed")
	if len(urls) > 0 {
		failed = nil
	}
	for _, url := range urls {
		c, err := askMember(ctx, client, url, timeout)
		if err == nil {
			return c, nil
		}
		failed = errors.Join(failed, err)
	}
	return nil, failed
}

func askMember(ctx context.Context, client *http.Client, url string, timeout time.Duration) (*remoteCluster, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var list []struct {
		ID         uint64   `json:"id"`
		Name       string   `json:"name"`
		PeerURLs   []string `json:"peerURLs"`
		ClientURLs []string `json:"clientURLs"`
	}
	header, err := ask(ctx, client, url+"/members", &list)
	if err != nil {
		return nil, err
	}
	c := &remoteCluster{url: url}
	if c.id, err = strconv.ParseUint(header.Get("X-Etcd-Cluster-Id"), 16, 64); err != nil {
		return nil, fmt.Errorf("%s/members names no cluster: %w", url, err)
	}
	for _, m := range list {
		c.members = append(c.members, store.Member{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs})
	}
	return c, nil
}

// ask reads JSON from the peer port of a member.
func ask(ctx context.Context, client *http.Client, url string, answer any) (http.Header, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	req.Close = true
	resp, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", url, resp.Status)
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(answer); err != nil {
		return nil, fmt.Errorf("%s: %w", url, err)
	}
	return resp.Header, nil
}

// refuseEtcd3 refuses to join a live cluster of etcd 3, which speaks another protocol
// between members.
func refuseEtcd3(ctx context.Context, client *http.Client, url string) error {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	var version struct {
		Server string `json:"etcdserver"`
	}
	if _, err := ask(ctx, client, url+"/version", &version); err != nil {
		return fmt.Errorf("a member of the cluster does not tell its version: %w", err)
	}
	if major, _, _ := strings.Cut(version.Server, "."); major != "2" {
		return fmt.Errorf("the member at %s is etcd %s, and pando cannot join a live cluster of etcd 3 or later. "+
			"Stop its members and start pando on their data directories, or begin a new cluster", url, version.Server)
	}
	return nil
}

// othersURLs are the peer URLs of all other initial members, sorted.
func othersURLs(cfg *config.Config) []string {
	var urls []string
	for _, m := range cfg.InitialCluster {
		if m.Name != cfg.Name {
			urls = append(urls, m.PeerURLs...)
		}
	}
	slices.Sort(urls)
	return urls
}

// refuseSecondLife asks the others whether this member has lived before: then its
// data is lost, and beginning again under the same ID could lose what it has
// acknowledged (server spec, section 4). The others are asked at the same time.
func refuseSecondLife(ctx context.Context, client *http.Client, cfg *config.Config, id uint64) error {
	urls := othersURLs(cfg)
	lived := make(chan bool, len(urls))
	for _, url := range urls {
		go func() {
			c, err := askMember(ctx, client, url, probeTimeout)
			lived <- err == nil && slices.ContainsFunc(c.members, func(m store.Member) bool {
				return m.ID == id && len(m.ClientURLs) > 0
			})
		}()
	}
	for range urls {
		if <-lived {
			return fmt.Errorf("member %x has already been bootstrapped: its data directory is gone, but the others know it. "+
				"Remove it from the cluster, add it again, and start it with --initial-cluster-state existing", id)
		}
	}
	return nil
}

// findCluster asks the listed members for the cluster to join and checks the list
// against it (server spec, section 4). Members are matched by their peer URLs.
func findCluster(ctx context.Context, client *http.Client, cfg *config.Config) (*remoteCluster, uint64, error) {
	c, err := askMembers(ctx, client, othersURLs(cfg), joinTimeout)
	if err != nil {
		return nil, 0, fmt.Errorf("cannot fetch cluster info from peer urls: could not retrieve cluster information from the given urls: %w", err)
	}
	if err := refuseEtcd3(ctx, client, c.url); err != nil {
		return nil, 0, err
	}
	if len(c.members) != len(cfg.InitialCluster) {
		return nil, 0, fmt.Errorf("error validating peerURLs: member count is unequal: the cluster has %d members, --initial-cluster has %d",
			len(c.members), len(cfg.InitialCluster))
	}
	var self uint64
	for _, m := range cfg.InitialCluster {
		i := slices.IndexFunc(c.members, func(r store.Member) bool { return sameSet(r.PeerURLs, m.PeerURLs) })
		if i < 0 {
			return nil, 0, fmt.Errorf("error validating peerURLs: unmatched member while checking PeerURLs: nobody has %v", m.PeerURLs)
		}
		if m.Name == cfg.Name {
			self = c.members[i].ID
		}
	}
	return c, self, nil
}

func sameSet(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
