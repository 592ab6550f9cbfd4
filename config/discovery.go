package config

import (
	"net/url"
	"strings"
)

// Discovery says where a member without data, or a proxy, finds the members of its cluster, if not in --initial-cluster. At
// most one of URL and SRV is set.
type Discovery struct {
	URL   string   // a token of a discovery service; "" is none
	Proxy *url.URL // HTTP proxy for the way there; nil is none
	// FallBackToProxy: what to become if the token is full. Otherwise that is a reason to exit.
	FallBackToProxy bool

	SRV     string // DNS domain; "" is none
	SRVName string // suffix of the service's name
}

// discoveryConfig checks what can be checked without asking anybody.
func (f *flags) discoveryConfig() (Discovery, error) {
	d := Discovery{
		URL: f.discovery, FallBackToProxy: f.discoveryFallback.value == "proxy",
		SRV: f.discoverySRV, SRVName: f.discoverySRVName,
	}
	if d.URL != "" {
		u, err := url.Parse(d.URL)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return d, refuse("%s must be the URL of a token, like http://host:2379/v2/keys/_etcd/registry/TOKEN, not %q", f.from["discovery"], d.URL)
		}
	}
	if f.discoveryProxy != "" {
		text := f.discoveryProxy
		if !strings.Contains(text, "://") {
			text = "http://" + text
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			return d, refuse("%s must be the URL of an HTTP proxy, like http://host:3128, not %q", f.from["discovery-proxy"], f.discoveryProxy)
		}
		d.Proxy = u
	}
	return d, nil
}
