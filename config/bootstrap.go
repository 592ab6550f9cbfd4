package config

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"
)

// lookupTimeout bounds the resolving of the host names of one member's peer URLs.
const lookupTimeout = 30 * time.Second

// CheckBootstrap checks the initial-* flags (server spec, section 4). Call it when the data directory is empty, and only
// then: once data exists these flags mean nothing. Every error is an *ExitError with code 1. It may resolve host names.
func (c *Config) CheckBootstrap(ctx context.Context) error {
	if c.JoinExisting && c.Discovery.URL != "" {
		return refuse("discovery URL should not be set when joining existing initial cluster")
	}
	i := slices.IndexFunc(c.InitialCluster, func(m Member) bool { return m.Name == c.Name })
	if i < 0 {
		return refuse("couldn't find local name %q in the initial cluster configuration", c.Name)
	}
	if !c.JoinExisting && !sameAddresses(ctx, c.AdvertisePeer, c.InitialCluster[i].PeerURLs) {
		return c.peerURLsDiffer()
	}
	return c.checkDuplicates("initial")
}

// checkDuplicates: no URL may be two members'.
func (c *Config) checkDuplicates(source string) error {
	seen := map[string]bool{}
	for _, m := range c.InitialCluster {
		for _, peer := range m.PeerURLs {
			if seen[peer] {
				return refuse("%s cluster %s has duplicate url", source, printCluster(c.InitialCluster))
			}
			seen[peer] = true
		}
	}
	return nil
}

// Discovered returns a copy of c with the members that a discovery service named. The error is an *ExitError.
func (c *Config) Discovered(members []Member) (*Config, error) {
	d := *c
	d.InitialCluster = members
	return &d, d.checkDuplicates("discovery")
}

// FromDNS returns a copy of c with the members that DNS named: as if they stood in --initial-cluster. The error is an
// *ExitError: this member is not among them.
func (c *Config) FromDNS(members []Member) (*Config, error) {
	d := *c
	d.InitialCluster, d.defaultCluster = members, false
	if !slices.ContainsFunc(members, func(m Member) bool { return m.Name == c.Name }) {
		return nil, refuse("error setting up initial cluster: cannot find local etcd member %q in SRV records", c.Name)
	}
	return &d, nil
}

// peerURLsDiffer says so, with etcd's hints at what was probably forgotten.
func (c *Config) peerURLsDiffer() error {
	self := printCluster([]Member{{Name: c.Name, PeerURLs: c.AdvertisePeer}})
	text := fmt.Sprintf("--initial-cluster must include %s given --initial-advertise-peer-urls=%s", self, strings.Join(c.AdvertisePeer, ","))
	if c.defaultCluster {
		text += "\nforgot to set --initial-cluster flag?"
	}
	if c.defaultPeerURLs {
		text += "\nforgot to set --initial-advertise-peer-urls flag?"
	}
	return refuse("%s", text)
}

// sameAddresses compares two sorted lists of URLs, as they are or, failing that, after resolving their host names.
func sameAddresses(ctx context.Context, a, b []string) bool {
	if slices.Equal(a, b) {
		return true
	}
	if len(a) != len(b) {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	resolvedA, errA := resolveAll(ctx, a)
	resolvedB, errB := resolveAll(ctx, b)
	return errA == nil && errB == nil && slices.Equal(resolvedA, resolvedB)
}

func resolveAll(ctx context.Context, urls []string) ([]string, error) {
	all := make([]string, 0, len(urls))
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		addresses, err := net.DefaultResolver.LookupIPAddr(ctx, u.Hostname())
		if err != nil {
			return nil, err
		}
		all = append(all, u.Scheme+"://"+net.JoinHostPort(firstAddress(addresses), u.Port()))
	}
	slices.Sort(all)
	return all, nil
}

// firstAddress picks as net.ResolveTCPAddr does: IPv4 if there is one.
func firstAddress(all []net.IPAddr) string {
	for _, a := range all {
		if a.IP.To4() != nil {
			return a.String()
		}
	}
	return all[0].String()
}
