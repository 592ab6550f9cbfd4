package raft

import (
	"bytes"
	"fmt"
	"strings"

	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// simTrace is what happened in a simulation, a line each. The same seed gives the same bytes.
type simTrace struct {
	clock *virtualClock
	text  bytes.Buffer
	told  int // up to here it was told as a story
}

// story is what happened since the last one, without the times and without the messages
// but those of the given types. What members write without entries is left out too.
func (t *simTrace) story(types map[string]bool) string {
	var b strings.Builder
	for _, line := range strings.SplitAfter(t.text.String()[t.told:], "\n") {
		_, what, _ := strings.Cut(line, " ms  ")
		if what == "" {
			continue
		}
		if _, msg, is := strings.Cut(what, " gets "); is {
			if typ, _, _ := strings.Cut(msg, " "); !types[typ] {
				continue
			}
		}
		if !strings.HasSuffix(what, "wrote its state\n") {
			b.WriteString(what)
		}
	}
	t.told = t.text.Len()
	return b.String()
}

func (t *simTrace) add(m *simMember, format string, args ...any) {
	fmt.Fprintf(&t.text, "%10.3f ms  ", float64(t.clock.now.Microseconds())/1000)
	if m != nil {
		fmt.Fprintf(&t.text, "member %d ", m.id)
	}
	fmt.Fprintf(&t.text, format, args...)
	t.text.WriteByte('\n')
}

// message notes what a member gets.
func (t *simTrace) message(m *simMember, msg *raftpb.Message) {
	t.add(m, "gets %s", describeMessage(msg))
}

func describeMessage(msg *raftpb.Message) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %d, term %d", msg.GetType(), msg.GetFrom(), msg.GetTerm())
	if n := len(msg.GetEntries()); n > 0 {
		fmt.Fprintf(&b, ", %d entries", n)
	}
	if msg.GetIndex() > 0 {
		fmt.Fprintf(&b, ", at %d/%d", msg.GetIndex(), msg.GetLogTerm())
	}
	if msg.GetCommit() > 0 {
		fmt.Fprintf(&b, ", commit %d", msg.GetCommit())
	}
	if msg.GetReject() {
		fmt.Fprintf(&b, ", rejected, hint %d", msg.GetRejectHint())
	}
	return b.String()
}

// tail is the end of it.
func (t *simTrace) tail(lines int) string {
	all := strings.SplitAfter(strings.TrimSuffix(t.text.String(), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "")
}

// logger has a member's log in the trace.
func (t *simTrace) logger(m *simMember) *zap.Logger {
	return zap.New(traceCore{LevelEnabler: zapcore.InfoLevel, t: t, m: m})
}

type traceCore struct {
	zapcore.LevelEnabler
	t *simTrace
	m *simMember
}

func (c traceCore) With([]zapcore.Field) zapcore.Core { return c }
func (traceCore) Sync() error                         { return nil }

func (c traceCore) Check(e zapcore.Entry, to *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return to.AddCore(e, c)
	}
	return to
}

func (c traceCore) Write(e zapcore.Entry, fields []zapcore.Field) error {
	text := e.Level.String() + ": " + e.Message
	for _, f := range fields {
		enc := zapcore.NewMapObjectEncoder()
		f.AddTo(enc)
		text += fmt.Sprintf(" %s=%v", f.Key, enc.Fields[f.Key])
	}
	c.t.add(c.m, "%s", text)
	return nil
}
