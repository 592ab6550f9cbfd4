package config

// checkNotYet refuses what this version cannot do whatever the data directory holds.
func (f *flags) checkNotYet() error {
	if f.given("config-file") {
		return notYet(f.from["config-file"] + ": reading a configuration file")
	}
	return nil
}

func notYet(what string) *ExitError {
	return refuse("%s is not supported by this version of pando", what)
}
