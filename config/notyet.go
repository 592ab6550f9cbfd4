package config

func notYet(what string) *ExitError {
	return refuse("%s is not supported by this version of pando", what)
}
