package discovery

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"pando/config"
)

// lookupTimeout bounds all questions to the name server together.
const lookupTimeout = 30 * time.Second

// DNS is a domain whose SRV records name the members of a cluster.
type DNS struct {
	Domain string
	Suffix string // of the service's name: _etcd-server-SUFFIX; "" is none
	Logger *zap.Logger
}

// Members asks for both kinds of records, https and http, and returns what either has, sorted by name (server spec,
// section 4). The entry that resolves to one of the peer URLs gets the name; the others are numbered. A proxy has neither.
// It is an error if neither kind of record is there, or if a peer URL cannot be resolved.
func (d DNS) Members(ctx context.Context, name string, peerURLs []string) ([]config.Member, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	own, err := resolveURLs(ctx, peerURLs)
	if err != nil {
		return nil, fmt.Errorf("error setting up initial cluster: couldn't resolve an own peer URL during SRV discovery: %w", err)
	}
	s := &srv{DNS: d, name: name, own: own}
	secure := s.ask(ctx, "etcd-server-ssl", "https")
	plain := s.ask(ctx, "etcd-server", "http")
	if secure != nil && plain != nil {
		return nil, fmt.Errorf("error setting up initial cluster: SRV discovery failed: too many errors querying DNS SRV records: %w; %w", secure, plain)
	}
	members, err := config.ParseCluster(strings.Join(s.pairs, ","))
	if err != nil {
		return nil, fmt.Errorf("error setting up initial cluster: %w", err)
	}
	return members, nil
}

// srv gathers the entries of both kinds.
type srv struct {
	DNS
	name   string
	own    []string // addresses
	pairs  []string // NAME=URL
	number int      // of the next that is not this member
}

func (s *srv) ask(ctx context.Context, service, scheme string) error {
	if s.Suffix != "" {
		service += "-" + s.Suffix
	}
	_, records, err := net.DefaultResolver.LookupSRV(ctx, service, "tcp", s.Domain)
	if err != nil {
		return fmt.Errorf("error querying DNS SRV records for _%s: %w", service, err)
	}
	for _, r := range records {
		host := net.JoinHostPort(strings.TrimSuffix(r.Target, "."), strconv.Itoa(int(r.Port)))
		addresses, err := resolve(ctx, host)
		if err != nil {
			s.Logger.Warn("discovery: couldn't resolve host "+host+" during SRV discovery", zap.Error(err))
			continue
		}
		s.pairs = append(s.pairs, s.nameFor(addresses)+"="+scheme+"://"+host)
		s.Logger.Info("discovery: got bootstrap from DNS for " + service + " at " + scheme + "://" + host)
	}
	return nil
}

func (s *srv) nameFor(addresses []string) string {
	if slices.ContainsFunc(addresses, func(a string) bool { return slices.Contains(s.own, a) }) {
		return s.name
	}
	for {
		number := strconv.Itoa(s.number)
		s.number++
		if number != s.name {
			return number
		}
	}
}

func resolveURLs(ctx context.Context, urls []string) ([]string, error) {
	var all []string
	for _, text := range urls {
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		addresses, err := resolve(ctx, u.Host)
		if err != nil {
			return nil, err
		}
		all = append(all, addresses...)
	}
	return all, nil
}

// resolve returns all addresses of host:port.
func resolve(ctx context.Context, hostPort string) ([]string, error) {
	host, port, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, err
	}
	ips, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, ip := range ips {
		all = append(all, net.JoinHostPort(ip.String(), port))
	}
	return all, nil
}
