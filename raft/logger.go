package raft

import (
	"fmt"

	"go.uber.org/zap"
)

// raftLogger lets the engine library write to our log. What the library calls
// Fatal and Panic are violated invariants: they end the process, because going
// on could acknowledge what is not replicated.
type raftLogger struct{ *zap.SugaredLogger }

func newRaftLogger(l *zap.Logger) raftLogger {
	return raftLogger{l.Named("raft").WithOptions(zap.AddCallerSkip(1)).Sugar()}
}

// Warning and Warningf exist because the library's interface names them so.
func (l raftLogger) Warning(v ...any)                 { l.Warn(v...) }
func (l raftLogger) Warningf(format string, v ...any) { l.Warnf(format, v...) }

// Info and Infof of the library tell of every vote and term: debug for us.
func (l raftLogger) Info(v ...any)                 { l.Debug(v...) }
func (l raftLogger) Infof(format string, v ...any) { l.Debugf(format, v...) }

// Panic and Panicf must not return.
func (l raftLogger) Panic(v ...any) {
	l.SugaredLogger.Error(v...)
	panic(fmt.Sprint(v...))
}

// Panicf is Panic with a format.
func (l raftLogger) Panicf(format string, v ...any) {
	l.SugaredLogger.Errorf(format, v...)
	panic(fmt.Sprintf(format, v...))
}
