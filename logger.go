package main

import (
	"os"
	"strings"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"pando/config"
)

// newLogger writes to stderr, as lines for people or as JSON. What is logged can be changed while it runs.
func newLogger(cfg *config.Config) (*zap.Logger, *logLevels) {
	ec := zap.NewProductionEncoderConfig()
	ec.EncodeTime = zapcore.TimeEncoderOfLayout("2006-01-02 15:04:05.000000")
	ec.EncodeDuration = zapcore.StringDurationEncoder
	enc := zapcore.NewJSONEncoder
	if cfg.LogFormat != "json" {
		ec.EncodeLevel = zapcore.CapitalLevelEncoder
		ec.ConsoleSeparator = " "
		ec.NameKey = ""
		enc = zapcore.NewConsoleEncoder
	}
	levels := &logLevels{}
	levels.set(cfg.LogLevel, cfg.PackageLevels)
	out := zapcore.NewCore(enc(ec), zapcore.Lock(os.Stderr), zapcore.DebugLevel)
	return zap.New(&levelled{out, levels}), levels
}

// logLevels are the lowest levels that are logged: one, and others for single packages. Any goroutine may use it.
type logLevels struct{ now atomic.Pointer[levelTable] }

type levelTable struct {
	all, lowest zapcore.Level
	packages    map[string]zapcore.Level
}

func (l *logLevels) set(all zapcore.Level, packages map[string]zapcore.Level) {
	t := levelTable{all: all, lowest: all, packages: packages}
	for _, level := range packages {
		t.lowest = min(t.lowest, level)
	}
	l.now.Store(&t)
}

// setNamed sets one level for everything, by etcd's name for it; false if there is none of that name.
func (l *logLevels) setNamed(name string) bool {
	level, ok := config.EtcdLogLevel(name)
	if ok {
		l.set(level, nil)
	}
	return ok
}

// of is the level of a logger: that of its package, which its name begins with.
func (l *logLevels) of(name string) zapcore.Level {
	t := l.now.Load()
	if len(t.packages) > 0 {
		pkg, _, _ := strings.Cut(name, ".")
		if level, ok := t.packages[pkg]; ok {
			return level
		}
	}
	return t.all
}

// levelled lets through what its levels say.
type levelled struct {
	zapcore.Core
	levels *logLevels
}

func (c *levelled) Enabled(level zapcore.Level) bool { return level >= c.levels.now.Load().lowest }

func (c *levelled) With(fields []zapcore.Field) zapcore.Core {
	return &levelled{c.Core.With(fields), c.levels}
}

func (c *levelled) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if e.Level < c.levels.of(e.LoggerName) {
		return to
	}
	return to.AddCore(e, c.Core)
}
