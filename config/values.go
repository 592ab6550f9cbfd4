package config

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// urlList is a flag.Value: URLs separated by commas, kept sorted and in the form in which url.URL prints them.
type urlList []string

func (l *urlList) String() string { return strings.Join(*l, ",") }

func (l *urlList) Set(text string) error {
	urls, err := parseURLs(strings.Split(text, ","))
	if err == nil {
		*l = urls
	}
	return err
}

// parseURLs checks what etcd checks: http or https, host:port, no path (server spec, section 2).
func parseURLs(texts []string) ([]string, error) {
	all := make([]string, 0, len(texts))
	for _, text := range texts {
		text = strings.TrimSpace(text)
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("URL scheme must be http or https: %s", text)
		}
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return nil, fmt.Errorf("URL address must be host:port: %s", text)
		}
		if u.Path != "" {
			return nil, fmt.Errorf("URL must not have a path: %s", text)
		}
		all = append(all, u.String())
	}
	slices.Sort(all)
	return all, nil
}

// mustURLs is for the defaults, which are constants.
func mustURLs(text string) urlList {
	var l urlList
	if err := l.Set(text); err != nil {
		panic(fmt.Sprintf("config: a default URL is wrong: %v", err))
	}
	return l
}

// choice is a flag.Value that takes one of a few words.
type choice struct {
	value string
	of    []string
}

func (c *choice) String() string { return c.value }

func (c *choice) Set(text string) error {
	if !slices.Contains(c.of, text) {
		return fmt.Errorf("must be one of %s", strings.Join(c.of, ", "))
	}
	c.value = text
	return nil
}

// origins is the flag.Value of --cors: origins separated by commas, blanks around them dropped (cluster-api spec, section 12).
type origins []string

func (o *origins) String() string { return strings.Join(*o, ",") }

func (o *origins) Set(text string) error {
	var all []string
	for origin := range strings.SplitSeq(text, ",") {
		origin = strings.TrimSpace(origin)
		if origin == "" {
			continue
		}
		if _, err := url.Parse(origin); err != nil {
			return fmt.Errorf("invalid CORS origin: %w", err)
		}
		all = append(all, origin)
	}
	*o = all
	return nil
}

// hostPort is the flag.Value of the address flags of etcd 0.4.
type hostPort struct{ host, port string }

func (h *hostPort) String() string {
	if h.port == "" {
		return ""
	}
	return net.JoinHostPort(h.host, h.port)
}

func (h *hostPort) Set(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil {
		return errors.New("must be IP:port")
	}
	if net.ParseIP(host) == nil {
		return fmt.Errorf("%q is not an IP address", host)
	}
	h.host, h.port = host, port
	return nil
}

// Redacted is the value of a flag as it may be logged: the password in a URL is left out.
func Redacted(value string) string {
	if u, err := url.Parse(value); err == nil && u.User != nil {
		return u.Redacted()
	}
	return value
}
