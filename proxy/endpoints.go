package proxy

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"
)

// endpoint is one client URL of a member.
type endpoint struct {
	url    *url.URL
	text   string
	failed time.Time // until when it is left alone
}

// endpoints are the client URLs in the order in which they are tried. The order is a random one, and stays while the members
// do: a client finds what it wrote, because it is answered by the same member. Any goroutine.
type endpoints struct {
	mu  sync.Mutex
	all []*endpoint
}

// replace takes over a new list. What was in the old one keeps its place, and its rest if it has failed.
func (e *endpoints) replace(urls []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := slices.DeleteFunc(slices.Clone(e.all), func(old *endpoint) bool { return !slices.Contains(urls, old.text) })
	var fresh []*endpoint
	for _, text := range urls {
		u, err := url.Parse(text)
		known := func(p *endpoint) bool { return p.text == text }
		if err != nil || u.Host == "" || slices.ContainsFunc(kept, known) || slices.ContainsFunc(fresh, known) {
			continue
		}
		fresh = append(fresh, &endpoint{url: u, text: text})
	}
	rand.Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	e.all = append(kept, fresh...)
}

// available are those that have not failed lately.
func (e *endpoints) available() []*endpoint {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	return slices.DeleteFunc(slices.Clone(e.all), func(p *endpoint) bool { return now.Before(p.failed) })
}

// rest leaves an endpoint alone for a while. It reports whether that is news.
func (e *endpoints) rest(p *endpoint, wait time.Duration) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := time.Now()
	news := !now.Before(p.failed)
	p.failed = now.Add(wait)
	return news
}
