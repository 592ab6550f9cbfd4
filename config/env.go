package config

import (
	"flag"
	"slices"
	"strings"
)

const (
	ownPrefix  = "PANDO_"
	etcdPrefix = "ETCD_"
)

// variable is the name, without a prefix, of the environment variable that stands for a flag.
func variable(flagName string) string {
	return strings.ToUpper(strings.ReplaceAll(flagName, "-", "_"))
}

// parseEnvironment gives flags that the command line left alone the value of their variable, PANDO_ before ETCD_
// (server spec, section 1). An empty variable counts as unset. It notes each variable of either prefix: used, shadowed or
// unknown, so that a misspelt one is not lost in silence.
func (f *flags) parseEnvironment(environ []string) error {
	values := map[string]string{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, ownPrefix) || strings.HasPrefix(name, etcdPrefix) {
			values[name] = value
		}
	}
	var failed error
	f.all.VisitAll(func(fl *flag.Flag) {
		if fl.Name == "version" {
			return // images set ETCD_VERSION=v2.3.8 for their own use; etcd trips over it
		}
		for _, prefix := range []string{ownPrefix, etcdPrefix} {
			name := prefix + variable(fl.Name)
			if value := values[name]; value != "" && failed == nil {
				failed = f.setFromVariable(fl, name, value)
				delete(values, name)
			}
		}
	})
	if failed != nil {
		return failed
	}
	unknown := make([]string, 0, len(values))
	for name, value := range values {
		unknown = append(unknown, name+"="+value)
	}
	slices.Sort(unknown)
	for _, pair := range unknown {
		f.warn("unrecognized environment variable %s", pair)
	}
	return nil
}

func (f *flags) setFromVariable(fl *flag.Flag, name, value string) error {
	switch by := f.from[fl.Name]; {
	case strings.HasPrefix(by, "--"):
		f.info("recognized environment variable %s, but unused: shadowed by corresponding flag", name)
		return nil
	case by != "":
		f.info("recognized environment variable %s, but unused: shadowed by %s", name, by)
		return nil
	}
	if err := fl.Value.Set(value); err != nil {
		return refuse("invalid value %q for %s: %v", value, name, err)
	}
	f.from[fl.Name] = name
	if own, isEtcd := strings.CutPrefix(name, etcdPrefix); isEtcd {
		f.info("recognized and used environment variable %s=%s (%s%s would be used before it)", name, Redacted(value), ownPrefix, own)
	} else {
		f.info("recognized and used environment variable %s=%s", name, Redacted(value))
	}
	return nil
}
