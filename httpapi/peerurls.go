package httpapi

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
)

// checkPeerURLs brings peer URLs into the form in which they are stored: sorted, without blanks around them, as net/url
// prints them. The errors are those of the reference (cluster-api spec, section 2).
func checkPeerURLs(given []string) ([]string, error) {
	if len(given) == 0 {
		return nil, errors.New("no valid URLs given")
	}
	urls := make([]string, 0, len(given))
	for _, text := range given {
		text = strings.TrimSpace(text)
		u, err := url.Parse(text)
		if err != nil {
			return nil, err
		}
		if u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("URL scheme must be http or https: %s", text)
		}
		if _, _, err := net.SplitHostPort(u.Host); err != nil {
			return nil, fmt.Errorf(`URL address does not have the form "host:port": %s`, text)
		}
		if u.Path != "" {
			return nil, fmt.Errorf("URL must not contain a path: %s", text)
		}
		urls = append(urls, u.String())
	}
	slices.Sort(urls)
	return urls, nil
}
