package config

import "math"

// maxElection is etcd's limit of --election-timeout in milliseconds.
const maxElection = 50_000

// contradiction is the ExitError of flags that are well-formed one by one and make no sense together.
func contradiction(format string, args ...any) *ExitError {
	e := refuse(format, args...)
	e.Stderr = "error verifying flags, " + e.Error() + ". See 'pando --help'.\n"
	return e
}

func (f *flags) checkBootstrapMethod() error {
	methods := 0
	for _, name := range []string{"initial-cluster", "discovery", "discovery-srv"} {
		if f.given(name) {
			methods++
		}
	}
	if methods > 1 {
		return contradiction("multiple discovery or bootstrap flags are set: choose one of --initial-cluster, --discovery and --discovery-srv")
	}
	return nil
}

// checkAdvertised catches the mistake of listening elsewhere while telling clients to come to localhost. A proxy has
// nothing to advertise.
func (f *flags) checkAdvertised() error {
	mayBeProxy := f.proxy.value != "off" || f.given("discovery") && f.discoveryFallback.value == "proxy"
	if f.given("listen-client-urls") && !f.given("advertise-client-urls") && !mayBeProxy {
		return contradiction("--advertise-client-urls is required when --listen-client-urls is set explicitly")
	}
	return nil
}

func (f *flags) checkNumbers() error {
	switch {
	case f.heartbeat == 0:
		return contradiction("-heartbeat-interval must be at least 1ms")
	case f.heartbeat > f.election/5:
		return contradiction("-election-timeout[%dms] should be at least as 5 times as -heartbeat-interval[%dms]", f.election, f.heartbeat)
	case f.election > maxElection:
		return contradiction("-election-timeout[%dms] is too long, and should be set less than %dms", f.election, maxElection)
	case f.maxSnapshots > math.MaxInt32:
		return contradiction("-max-snapshots[%d] is too large; 0 keeps all", f.maxSnapshots)
	case f.maxWALs > math.MaxInt32:
		return contradiction("-max-wals[%d] is too large; 0 keeps all", f.maxWALs)
	case f.eventHistory < MinEventHistory || f.eventHistory > maxEventHistory:
		return contradiction("-event-history[%d] must be from %d to %d", f.eventHistory, MinEventHistory, maxEventHistory)
	}
	if err := f.limits.check(); err != nil {
		return err
	}
	return f.proxyTimes.check()
}
