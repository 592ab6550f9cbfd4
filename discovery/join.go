package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.uber.org/zap"

	"pando/config"
)

const (
	firstWait = 2 * time.Second // before a service that could not be reached is asked again; doubled each time
	lastWait  = 64 * time.Second
	// maxSize bounds what is kept of what a service sends. No cluster is as large.
	maxSize   = 1000
	configDir = "_config"
)

// Service is a discovery service's token.
type Service struct {
	URL    string // of the token's directory
	Proxy  string // HTTP proxy for the way there, URL or host:port; "" is none
	Logger *zap.Logger
}

// Join registers a member and waits until the token has as many as it is for; it returns those, sorted by name. The ID has to be
// the one that the member will have. The error is a *JoinError. With ErrFull nothing was written.
func (s Service) Join(ctx context.Context, id uint64, name string, peerURLs []string) ([]config.Member, error) {
	var pairs []string
	for _, u := range peerURLs {
		pairs = append(pairs, name+"="+u)
	}
	members, err := s.find(ctx, &member{id: strconv.FormatUint(id, 16), value: strings.Join(pairs, ",")})
	if err != nil {
		return nil, &JoinError{err}
	}
	return members, nil
}

// Members waits until the token has as many members as it is for, and registers nobody: for proxies. The error wraps what a
// JoinError does.
func (s Service) Members(ctx context.Context) ([]config.Member, error) {
	members, err := s.find(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("failed to get discovery cluster (%w)", err)
	}
	return members, nil
}

// member is who registers.
type member struct {
	id, value string
	sent      bool // a registration whose answer was lost may have been carried out
	done      bool // it is registered
}

// isLost reports whether a member, unless it is nil, is missing or was changed. Its ID and its name must be those that it knows.
func (m *member) isLost(nodes []node) bool {
	return m != nil && !slices.ContainsFunc(nodes, func(n node) bool { return n.name() == m.id && n.Value == m.value })
}

// search is one search for the members of a token.
type search struct {
	*client
	log  *zap.Logger
	self *member // nil: only looking
}

func (s Service) find(ctx context.Context, self *member) ([]config.Member, error) {
	c, err := newClient(s.URL, s.Proxy)
	if err != nil {
		return nil, err
	}
	at := search{client: c, log: s.Logger, self: self}
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		began := time.Now()
		nodes, size, err := at.attempt(ctx)
		switch {
		case err == nil && self.isLost(nodes):
			return nil, ErrLost
		case err == nil:
			return parse(nodes, size)
		case !errors.Is(err, errUnreachable):
			return nil, err
		case ctx.Err() != nil:
			return nil, ctx.Err()
		}
		if time.Since(began) > wait { // it was there for a while
			wait = firstWait
		}
		s.Logger.Error("discovery: error connecting to "+c.token.Redacted()+", retrying in "+wait.String(), zap.Error(err))
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// parse makes members of what they registered.
func parse(nodes []node, size int) ([]config.Member, error) {
	var values []string
	for _, n := range nodes {
		values = append(values, n.Value)
	}
	members, err := config.ParseCluster(strings.Join(values, ","))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrInvalidURL, err)
	case len(members) != size:
		return nil, ErrDuplicateName
	}
	return members, nil
}

// directory is a token's directory at one moment.
type directory struct {
	key   string
	size  int
	nodes []node // the members in the order in which they registered, size at most
	index uint64
}

// attempt goes through the protocol as far as it gets. What it got is kept in self.
func (s search) attempt(ctx context.Context) ([]node, int, error) {
	d, err := s.look(ctx)
	if err != nil {
		return nil, 0, err
	}
	if s.self != nil && !s.self.done {
		if err := s.register(ctx, d); err != nil {
			return nil, 0, err
		}
		if d, err = s.look(ctx); err != nil {
			return nil, 0, err
		}
	}
	for _, n := range d.nodes {
		s.found(n)
	}
	for len(d.nodes) < d.size {
		s.log.Info(fmt.Sprintf("discovery: found %d peer(s), waiting for %d more", len(d.nodes), d.size-len(d.nodes)))
		if err := s.next(ctx, d); err != nil {
			return nil, 0, err
		}
	}
	s.log.Info(fmt.Sprintf("discovery: found %d needed peer(s)", len(d.nodes)))
	return d.nodes, d.size, nil
}

func (s search) found(n node) {
	who := "peer"
	if s.self != nil && n.name() == s.self.id {
		who = "self"
	}
	s.log.Info("discovery: found " + who + " " + n.name() + " in the cluster")
}

// look reads the size and the members. ErrFull: there are as many as there can be, without this one.
func (s search) look(ctx context.Context) (*directory, error) {
	a, err := s.get(ctx, configDir+"/size")
	if err != nil {
		return nil, err
	}
	size, err := strconv.Atoi(a.Node.Value)
	if err != nil || size < 1 || size > maxSize {
		return nil, ErrBadSize
	}
	a, err = s.get(ctx, "")
	if err != nil {
		return nil, err
	}
	d := &directory{key: a.Node.Key, size: size, index: a.index}
	for _, n := range a.Node.Nodes {
		if n.name() != configDir {
			d.nodes = append(d.nodes, n)
		}
	}
	slices.SortStableFunc(d.nodes, func(a, b node) int { return cmp.Compare(a.CreatedIndex, b.CreatedIndex) })
	if len(d.nodes) >= size {
		d.nodes = d.nodes[:size]
		if s.self != nil && d.find(s.self.id) == nil {
			return nil, ErrFull
		}
	}
	return d, nil
}

func (d *directory) find(name string) *node {
	for i := range d.nodes {
		if d.nodes[i].name() == name {
			return &d.nodes[i]
		}
	}
	return nil
}

// register writes this member into the directory and waits until it can be seen there. Where the answer of an earlier
// attempt was lost, what is found is ours.
func (s search) register(ctx context.Context, d *directory) error {
	if n := d.find(s.self.id); n != nil && s.self.sent && n.Value == s.self.value {
		s.self.done = true
		return nil
	}
	sent := s.self.sent
	s.self.sent = true
	a, err := s.create(ctx, s.self.id, s.self.value)
	switch {
	case err == nil:
		s.self.done = true
		_, err = s.watch(ctx, s.self.id, false, a.Node.CreatedIndex)
		if isCode(err, codeIndexCleared) { // so much has happened since that it is surely there
			return nil
		}
		return err
	case isCode(err, codeNodeExists) && sent && d.find(s.self.id) == nil: // it came through meanwhile
		return fmt.Errorf("%w: %w", errUnreachable, err)
	case isCode(err, codeNodeExists):
		return ErrDuplicateID
	}
	return err
}

// next waits for a change and takes it over. Whatever it is but one more member, the directory is read again.
func (s search) next(ctx context.Context, d *directory) error {
	a, err := s.watch(ctx, "", true, d.index+1)
	if err == nil {
		n := *a.Node
		d.index = n.ModifiedIndex
		if (a.Action == "create" || a.Action == "set") && path.Dir(n.Key) == d.key && d.find(n.name()) == nil {
			s.found(n)
			d.nodes = append(d.nodes, n)
			return nil
		}
	} else if !isCode(err, codeIndexCleared) {
		return err
	}
	now, err := s.look(ctx)
	if err == nil {
		*d = *now
	}
	return err
}
