package server

import (
	"bytes"
	"sync"
)

const (
	keptLog = 1 << 20 // bytes of output that are kept
	// serving stands in the line by which Pando tells the address that it serves clients on.
	serving = "serving client requests on "
)

// log keeps the output of a process and looks in it for the address that Pando was given. Any goroutine may use it.
type log struct {
	bound chan string // receives the URL of that address, once

	mu   sync.Mutex
	text []byte
	told bool
}

func newLog() *log { return &log{bound: make(chan string, 1)} }

// Write takes output as it comes; it never fails.
func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if !l.told {
		if url, ok := boundURL(l.text); ok {
			l.told = true
			l.bound <- url
		}
	}
	if extra := len(l.text) - keptLog; extra > 0 {
		l.text = append(l.text[:0], l.text[extra:]...)
	}
	return len(p), nil
}

// String is the output that was kept.
func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// boundURL finds the URL in the line that tells it, once that line is complete.
func boundURL(text []byte) (url string, ok bool) {
	_, rest, _ := bytes.Cut(text, []byte(serving))
	line, _, complete := bytes.Cut(rest, []byte("\n"))
	if !complete {
		return "", false
	}
	if end := bytes.IndexAny(line, " \t\r\",;"); end >= 0 {
		line = line[:end]
	}
	return string(line), len(line) > 0
}
