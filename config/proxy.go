package config

import (
	"flag"
	"math"
	"time"
)

// Proxy is how a proxy behaves (server spec, section 6).
type Proxy struct {
	ReadOnly        bool          // whatever writes is refused
	FailureWait     time.Duration // how long a member that failed is left alone
	RefreshInterval time.Duration // between two looks at the member list; > 0
	DialTimeout     time.Duration // for connecting; 0: none
	WriteTimeout    time.Duration // for each write to a member; 0: none
	ReadTimeout     time.Duration // for each read from a member; 0: none. Anything else ends watches
}

// proxyTimes are the flags' values in milliseconds.
type proxyTimes struct{ failure, refresh, dial, write, read uint }

func (f *flags) proxyFlags(s *flag.FlagSet) {
	f.proxy = choice{value: "off", of: []string{"off", "readonly", "on"}}
	s.Var(&f.proxy, "proxy", "`Mode`: off, readonly or on.")
	s.UintVar(&f.proxyTimes.failure, "proxy-failure-wait", 5000, "`Milliseconds` that a failed member is left alone.")
	s.UintVar(&f.proxyTimes.refresh, "proxy-refresh-interval", 30000, "`Milliseconds` between two looks at the member list.")
	s.UintVar(&f.proxyTimes.dial, "proxy-dial-timeout", 1000, "`Milliseconds` for connecting. 0: no limit.")
	s.UintVar(&f.proxyTimes.write, "proxy-write-timeout", 5000, "`Milliseconds` for sending. 0: no limit.")
	s.UintVar(&f.proxyTimes.read, "proxy-read-timeout", 0, "`Milliseconds` for receiving. 0: no limit; anything else breaks watches.")
}

func (t proxyTimes) check() error {
	if t.refresh == 0 {
		return contradiction("-proxy-refresh-interval must be at least 1ms")
	}
	for _, ms := range []uint{t.failure, t.refresh, t.dial, t.write, t.read} {
		if ms > math.MaxInt32 {
			return contradiction("-proxy-* takes at most %d milliseconds, not %d", math.MaxInt32, ms)
		}
	}
	return nil
}

func (f *flags) proxyConfig() Proxy {
	ms := func(n uint) time.Duration { return time.Duration(n) * time.Millisecond }
	t := f.proxyTimes
	return Proxy{
		ReadOnly: f.proxy.value == "readonly", FailureWait: ms(t.failure), RefreshInterval: ms(t.refresh),
		DialTimeout: ms(t.dial), WriteTimeout: ms(t.write), ReadTimeout: ms(t.read),
	}
}
