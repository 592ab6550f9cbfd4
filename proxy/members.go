package proxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"
)

const (
	askTimeout = 10 * time.Second // for one member's list
	// others is how long the other members may take when one has answered.
	others = time.Second
	// pause is the shortest time between two looks at the member list.
	pause = time.Second
	// maxPeers bounds the URLs that are asked at once. No cluster has as many.
	maxPeers = 64
)

// keepInformed looks for the members until the proxy is closed: at the interval, each second while there is none to send
// to, and when one has failed.
func (p *Proxy) keepInformed() {
	defer close(p.done)
	for first := true; ; first = false {
		p.refresh()
		if first {
			close(p.looked)
		}
		wait := p.cfg.RefreshInterval
		if len(p.endpoints.available()) == 0 {
			wait = min(wait, pause)
		}
		if !p.sleep(min(wait, pause), nil) || !p.sleep(wait-pause, p.hurry) {
			return
		}
	}
}

// sleep waits, for no longer than until wake has something. False: the proxy is closed.
func (p *Proxy) sleep(d time.Duration, wake <-chan struct{}) bool {
	if d <= 0 {
		return p.life.Err() == nil
	}
	select {
	case <-time.After(d):
		return true
	case <-wake:
		return true
	case <-p.life.Done():
		return false
	}
}

// failed takes note of a member that could not be reached.
func (p *Proxy) failed(e *endpoint, err error) {
	if p.endpoints.rest(e, p.cfg.FailureWait) {
		p.log.Warn("proxy: marked endpoint unavailable", zap.String("url", e.text), zap.Duration("for", p.cfg.FailureWait), zap.Error(err))
	}
	select {
	case p.hurry <- struct{}{}:
	default:
	}
}

// refresh takes over what most members say. Without an answer everything stays as it is.
func (p *Proxy) refresh() {
	select { // whatever was wished for before
	case <-p.hurry:
	default:
	}
	c, err := p.mostSay(p.askAll())
	if err != nil {
		if p.life.Err() == nil && !p.silent { // once, not each second
			p.silent = true
			p.log.Warn("proxy: no member tells who the members are; keeping to those that are known", zap.Strings("peer urls", p.peers), zap.Error(err))
		}
		return
	}
	if p.silent {
		p.silent = false
		p.log.Info("proxy: members tell who they are again", zap.Strings("peer urls", c.PeerURLs))
	}
	p.id, p.peers = c.ID, c.PeerURLs
	if len(c.ClientURLs) > 0 { // members that have just been started have none yet
		p.endpoints.replace(c.ClientURLs)
	}
	p.save()
}

// save writes the file when it does not say the same.
func (p *Proxy) save() {
	if slices.Equal(p.peers, p.written) {
		return
	}
	if err := p.file.save(p.peers); err != nil {
		p.log.Error("proxy: the list of members is not on disk", zap.String("file", p.file.name), zap.Error(err))
		return
	}
	p.log.Info("proxy: updated peer urls in cluster file", zap.Strings("from", p.written), zap.Strings("to", p.peers))
	p.written = p.peers
}

// reply is what one member said.
type reply struct {
	Cluster
	err error
}

// askAll asks all known peers at the same time. When one has answered, it does not wait long for the others.
func (p *Proxy) askAll() []reply {
	ctx, cancel := context.WithCancel(p.life)
	defer cancel()
	peers := p.peers[:min(len(p.peers), maxPeers)]
	replies := make(chan reply, len(peers))
	for _, url := range peers {
		go func() { // ends with ctx, and is waited for below
			c, err := p.cfg.Ask(ctx, url)
			if err == nil && (len(c.PeerURLs) == 0 || len(c.PeerURLs) > maxPeers) {
				err = fmt.Errorf("%s lists %d peer URLs", url, len(c.PeerURLs))
			}
			slices.Sort(c.PeerURLs)
			slices.Sort(c.ClientURLs)
			replies <- reply{c, err}
		}()
	}
	late := time.AfterFunc(askTimeout, cancel)
	defer late.Stop()
	var all []reply
	answered := false
	for range peers {
		r := <-replies
		all = append(all, r)
		if r.err == nil && !answered {
			answered = true
			late.Reset(others)
		}
	}
	return all
}

// mostSay finds the list that most of the replies agree on; of several, one of the cluster that was known before.
func (p *Proxy) mostSay(replies []reply) (*Cluster, error) {
	votes := map[string]int{}
	var best *Cluster
	score := 0
	var failed error
	for i, r := range replies {
		if r.err != nil {
			failed = errors.Join(failed, r.err)
			continue
		}
		ballot := fmt.Sprint(r.ID, strings.Join(r.PeerURLs, ","), strings.Join(r.ClientURLs, ","))
		votes[ballot] += 2
		now := votes[ballot]
		if r.ID == p.id {
			now++
		}
		if now > score {
			best, score = &replies[i].Cluster, now
		}
	}
	if best == nil {
		return nil, failed
	}
	return best, nil
}
