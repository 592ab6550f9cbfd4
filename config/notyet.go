package config

// checkNotYet refuses what this version cannot do whatever the data directory holds. What only matters to an empty
// data directory is CheckBootstrap's.
func (f *flags) checkNotYet() error {
	if f.given("config-file") {
		return notYet(f.from["config-file"] + ": reading a configuration file")
	}
	return nil
}

// checkBootstrapNotYet refuses the ways into a cluster other than starting one of one member.
func (c *Config) checkBootstrapNotYet() error {
	switch {
	case c.proxyMode:
		return notYet("--proxy: running as a proxy")
	case c.Discovery != "":
		return notYet("--discovery: finding the other members through a discovery service")
	case c.discoverySRV != "":
		return notYet("--discovery-srv: finding the other members through DNS")
	}
	return nil
}

func notYet(what string) *ExitError {
	return refuse("%s is not supported by this version of pando", what)
}
