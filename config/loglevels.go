package config

import (
	"fmt"
	"strings"

	"go.uber.org/zap/zapcore"
)

// etcdLogLevels are the names that etcd has for its levels, and the level here that each is (cluster-api spec, section 8).
// Nothing is logged above error that is not an error.
var etcdLogLevels = map[string]zapcore.Level{
	"CRITICAL": zapcore.ErrorLevel, "C": zapcore.ErrorLevel,
	"ERROR": zapcore.ErrorLevel, "E": zapcore.ErrorLevel, "0": zapcore.ErrorLevel,
	"WARNING": zapcore.WarnLevel, "W": zapcore.WarnLevel, "1": zapcore.WarnLevel,
	"NOTICE": zapcore.InfoLevel, "N": zapcore.InfoLevel, "2": zapcore.InfoLevel,
	"INFO": zapcore.InfoLevel, "I": zapcore.InfoLevel, "3": zapcore.InfoLevel,
	"DEBUG": zapcore.DebugLevel, "D": zapcore.DebugLevel, "4": zapcore.DebugLevel,
	"TRACE": zapcore.DebugLevel, "T": zapcore.DebugLevel, "5": zapcore.DebugLevel,
}

// EtcdLogLevel finds a level by etcd's name for it, in whatever case.
func EtcdLogLevel(name string) (level zapcore.Level, ok bool) {
	level, ok = etcdLogLevels[strings.ToUpper(name)]
	return level, ok
}

// packageLevels reads --log-package-levels: package=LEVEL, separated by commas; the package * is all that are not named.
// What cannot be read costs a warning, as in etcd, and then none of it counts.
func (f *flags) packageLevels(c *Config) {
	text := f.value("log-package-levels")
	if text == "" {
		return
	}
	all, err := parsePackageLevels(text)
	if err != nil {
		f.warn("couldn't parse log level string: %v, continuing with default levels", err)
		return
	}
	if level, ok := all["*"]; ok {
		c.LogLevel = level
		delete(all, "*")
	}
	c.PackageLevels = all
}

func parsePackageLevels(text string) (map[string]zapcore.Level, error) {
	all := map[string]zapcore.Level{}
	for pair := range strings.SplitSeq(text, ",") {
		name, levelName, _ := strings.Cut(pair, "=")
		level, ok := EtcdLogLevel(strings.TrimSpace(levelName))
		if name = strings.TrimSpace(name); name == "" || !ok {
			return nil, fmt.Errorf("%q is not package=LEVEL", pair)
		}
		all[name] = level
	}
	return all, nil
}
