package store

// Command is one entry of the log: etcd 2.3's Request with its 17 fields (etcd-compat spec, section 3). Fields that a
// method has no use for are carried and ignored.
type Command struct {
	// ID is what the proposer knows its command by.
	ID uint64
	// Method is one of the Method constants.
	Method string
	// Path carries the prefix of the part of the tree: "/1/foo".
	Path string
	// Val is the value of a file.
	Val string
	// Dir makes a directory, or allows a delete to remove one.
	Dir bool
	// PrevValue and PrevIndex are conditions; "" and 0 stand for none.
	PrevValue string
	PrevIndex uint64
	// PrevExist is a condition; nil stands for none. What it points to is shared and not to be changed.
	PrevExist *bool
	// Expiration is when the node is due, in nanoseconds since 1970; 0 stands for never.
	Expiration int64
	Wait       bool
	Since      uint64
	Recursive  bool
	Sorted     bool
	Quorum     bool
	// Time is the leader's clock in a SYNC, in nanoseconds since 1970.
	Time   int64
	Stream bool
	// Refresh changes the TTL, keeps the value and tells no watcher; nil and false are the same. What it points to is
	// shared and not to be changed.
	Refresh *bool
}

// The methods of a Command, as they stand in the log.
const (
	// MethodGet is never proposed: a GET is a read, or a QGET.
	MethodGet = "GET"
	// MethodQGet is a read that goes through the log.
	MethodQGet = "QGET"
	MethodPut  = "PUT"
	// MethodPost makes a child that is named after the index.
	MethodPost   = "POST"
	MethodDelete = "DELETE"
	// MethodSync expires what is due at Time.
	MethodSync = "SYNC"
	// MethodPando is kept for commands that etcd does not know.
	MethodPando = "PANDO"
)

// methods lists them, so that decoding does not copy the name.
var methods = [...]string{MethodPut, MethodPost, MethodDelete, MethodSync, MethodQGet, MethodGet, MethodPando}

var yes, no = true, false

// boolean returns a pointer to b for the optional fields of a Command; all pointers to the same value are the same.
func boolean(b bool) *bool {
	if b {
		return &yes
	}
	return &no
}

// refreshes says whether the command asks for a refresh.
func (c *Command) refreshes() bool { return c.Refresh != nil && *c.Refresh }

// compares says whether a comparison with the present value or index is asked for.
func (c *Command) compares() bool { return c.PrevIndex > 0 || c.PrevValue != "" }
