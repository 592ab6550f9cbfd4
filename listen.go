package main

import (
	"errors"
	"fmt"
	"net"
	"time"

	"go.uber.org/zap"
	"golang.org/x/net/netutil"

	"pando/config"
)

// keepAlive is how often the system asks whether a silent client is still there
// (keys-api spec, section 17).
const keepAlive = 30 * time.Second

// listeners are the bound sockets of one port kind.
type listeners []net.Listener

// listen binds all addresses, before anything of the data directory is touched.
// A default second port that somebody else has costs a warning; any other
// address that cannot be had is a reason not to start.
func listen(addrs []config.Listen, log *zap.Logger) (ls listeners, err error) {
	lc := net.ListenConfig{KeepAlive: keepAlive}
	for _, a := range addrs {
		l, err := lc.Listen(noContext, "tcp", a.Address)
		switch {
		case err == nil:
			ls = append(ls, l)
		case a.Optional:
			log.Warn("the default second port is not free and is left out", zap.String("url", a.URL), zap.Error(err))
		default:
			ls.close()
			return nil, fmt.Errorf("cannot listen on %s: %w", a.URL, err)
		}
	}
	if len(ls) == 0 {
		return nil, errors.New("none of the addresses to listen on could be bound")
	}
	return ls, nil
}

// limit lets at most n connections be open over all the listeners together.
// Beyond it clients wait in the system's queue: file descriptors stay free for
// the log and the snapshots.
func (ls listeners) limit(n int) {
	if n <= 0 {
		return
	}
	share := max(n/len(ls), 1)
	for i, l := range ls {
		ls[i] = netutil.LimitListener(l, share)
	}
}

func (ls listeners) close() {
	for _, l := range ls {
		l.Close()
	}
}
