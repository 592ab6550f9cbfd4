package config

import (
	"flag"
	"math"
	"syscall"
	"time"
)

// Limits are what clients may have, and how long things may take. Connections and RequestTimeout are 0 if nobody asked.
type Limits struct {
	Connections    int // to the client port
	Watchers       int64
	Streams        int // requests under way on a connection of HTTP/2
	HeaderBytes    int
	BodyBytes      int64
	HeaderTimeout  time.Duration
	IdleTimeout    time.Duration
	RequestTimeout time.Duration // of a write, a quorum read or a membership change
	Memory         int64         // bytes of the process, near which the garbage collector does all it can; 0: what GOMEMLIMIT says
}

// limitFlags are the values of the flags, as given.
type limitFlags struct {
	connections, watchers, streams, headerBytes, bodyBytes uint
	headerTimeout, idleTimeout, requestTimeout             uint // ms
	memory                                                 uint // MiB
}

func (f *flags) limitFlags(s *flag.FlagSet) {
	l := &f.limits
	s.UintVar(&l.connections, "max-connections", 0, "`Connections` to the client port; more are answered with 503. 0: as many as the limit of open files allows.")
	s.UintVar(&l.watchers, "max-watchers", 100_000, "`Watches` of all clients together; more are answered with 503.")
	s.UintVar(&l.streams, "max-concurrent-streams", 100, "`Requests`, watches among them, under way on one connection of HTTP/2; more wait.")
	s.UintVar(&l.headerBytes, "max-header-bytes", 1<<20, "`Bytes` of a request line and its headers; more are answered with 431.")
	s.UintVar(&l.bodyBytes, "max-body-bytes", 10<<20, "`Bytes` of a form; more are answered with 400, error 210.")
	s.UintVar(&l.headerTimeout, "header-timeout", 30_000, "`Milliseconds` that a request line and its headers may take.")
	s.UintVar(&l.idleTimeout, "idle-timeout", 3_600_000, "`Milliseconds` that a connection may wait for its next request.")
	s.UintVar(&l.requestTimeout, "request-timeout", 0, "`Milliseconds` that a write or quorum read may take. 0: 5000 and two election timeouts.")
	s.UintVar(&l.memory, "memory-limit", 0, "`MiB` of memory near which the garbage collector does all it can to stay below. 0: no limit but GOMEMLIMIT.")
}

const (
	// minHeaderBytes leaves room for the headers of any client.
	minHeaderBytes = 4096
	// maxHeaderBytes and maxBodyBytes leave a request within the memory that all share.
	maxHeaderBytes = 2 << 20
	maxBodyBytes   = 32 << 20
)

func (l *limitFlags) check() error {
	for _, n := range []struct {
		name            string
		value, min, max uint
	}{
		{"max-connections", l.connections, 0, math.MaxInt32},
		{"max-watchers", l.watchers, 1, math.MaxInt32},
		{"max-concurrent-streams", l.streams, 1, math.MaxInt32},
		{"max-header-bytes", l.headerBytes, minHeaderBytes, maxHeaderBytes},
		{"max-body-bytes", l.bodyBytes, 1, maxBodyBytes},
		{"header-timeout", l.headerTimeout, 1, math.MaxInt32},
		{"idle-timeout", l.idleTimeout, 1, math.MaxInt32},
		{"request-timeout", l.requestTimeout, 0, math.MaxInt32},
		{"memory-limit", l.memory, 0, math.MaxInt32},
	} {
		if n.value < n.min || n.value > n.max {
			return contradiction("-%s[%d] must be from %d to %d", n.name, n.value, n.min, n.max)
		}
	}
	return nil
}

func (l *limitFlags) limits() Limits {
	ms := func(n uint) time.Duration { return time.Duration(n) * time.Millisecond }
	return Limits{
		Connections: int(l.connections), Watchers: int64(l.watchers), Streams: int(l.streams),
		HeaderBytes: int(l.headerBytes), BodyBytes: int64(l.bodyBytes),
		HeaderTimeout: ms(l.headerTimeout), IdleTimeout: ms(l.idleTimeout), RequestTimeout: ms(l.requestTimeout), Memory: int64(l.memory) << 20,
	}
}

const (
	// minFiles is the limit of open files below which the reference does not start (server spec, section 2).
	minFiles = 150
	// reservedFiles are the file descriptors that a member keeps for its own files, its peers and those that it turns away, if
	// that leaves fewFiles for clients.
	reservedFiles = 250
	fewFiles      = 20
)

// CheckFDLimit reads the process's limit of open files and returns how many client connections that leaves room for, and not
// more than asked for, unless that is 0. A limit that leaves none is an *ExitError. Call it before listening.
func CheckFDLimit(asked int) (connections int, err error) {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0, refuse("cannot read the file descriptor limit: %v", err)
	}
	connections, err = connectionsWithin(limit.Cur)
	if asked > 0 {
		connections = min(connections, asked)
	}
	return connections, err
}

func connectionsWithin(limit uint64) (int, error) {
	if limit <= minFiles {
		return 0, refuse("file descriptor limit[%d] of etcd process is too low, and should be set higher than %d to run properly", limit, minFiles)
	}
	n := int(min(limit, math.MaxInt32))
	return max(n-reservedFiles, min(n-minFiles, fewFiles)), nil
}
