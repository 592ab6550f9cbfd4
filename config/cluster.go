package config

import (
	"fmt"
	"slices"
	"strings"
)

// defaultCluster is the --initial-cluster that nobody wrote: the named member alone, at the default peer URLs.
func defaultCluster(name string) string {
	var pairs []string
	for peer := range strings.SplitSeq(defaultPeerURLs, ",") {
		pairs = append(pairs, name+"="+peer)
	}
	return strings.Join(pairs, ",")
}

// ParseCluster reads name=URL pairs; a name that is repeated has several URLs (server spec, section 2). The members are sorted
// by name.
func ParseCluster(text string) ([]Member, error) {
	if text == "" {
		return nil, nil
	}
	urls := map[string][]string{}
	for pair := range strings.SplitSeq(text, ",") {
		name, peer, _ := strings.Cut(strings.TrimSpace(pair), "=")
		if peer == "" {
			return nil, fmt.Errorf("empty URL given for %q", name)
		}
		urls[name] = append(urls[name], peer)
	}
	members := make([]Member, 0, len(urls))
	for name, texts := range urls {
		peers, err := parseURLs(texts)
		if err != nil {
			return nil, err
		}
		members = append(members, Member{Name: name, PeerURLs: peers})
	}
	slices.SortFunc(members, func(a, b Member) int { return strings.Compare(a.Name, b.Name) })
	return members, nil
}

// printCluster is the inverse of ParseCluster.
func printCluster(members []Member) string {
	var pairs []string
	for _, m := range members {
		for _, peer := range m.PeerURLs {
			pairs = append(pairs, m.Name+"="+peer)
		}
	}
	return strings.Join(pairs, ",")
}
