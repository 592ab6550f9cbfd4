package store

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"

	"google.golang.org/protobuf/encoding/protowire"
)

// The numbers of the fields of a Request.
const (
	fieldID protowire.Number = iota + 1
	fieldMethod
	fieldPath
	fieldVal
	fieldDir
	fieldPrevValue
	fieldPrevIndex
	fieldPrevExist
	fieldExpiration
	fieldWait
	fieldSince
	fieldRecursive
	fieldSorted
	fieldQuorum
	fieldTime
	fieldStream
	fieldRefresh

	// The numbers that are kept for what etcd does not know.
	firstExtension protowire.Number = 512
	lastExtension  protowire.Number = 999
)

var (
	// ErrNotCommand says that an entry is not a v2 Request; etcd 3.x writes others beside them, which are to be skipped.
	ErrNotCommand = errors.New("store: not a v2 command")
	// ErrUnknownField says that an entry is a v2 Request which only a later version understands. It must not be skipped.
	ErrUnknownField = errors.New("store: the command has a field that this version does not know")
)

// Marshal encodes the command the way etcd 2.3.8 does: fields in order, zeros written out, only PrevExist and Refresh left
// out when they are nil. Equal commands give equal bytes.
func (c *Command) Marshal() []byte {
	b := make([]byte, 0, c.sizeBound())
	b = appendVarint(b, fieldID, c.ID)
	b = appendString(b, fieldMethod, c.Method)
	b = appendString(b, fieldPath, c.Path)
	b = appendString(b, fieldVal, c.Val)
	b = appendBool(b, fieldDir, c.Dir)
	b = appendString(b, fieldPrevValue, c.PrevValue)
	b = appendVarint(b, fieldPrevIndex, c.PrevIndex)
	if c.PrevExist != nil {
		b = appendBool(b, fieldPrevExist, *c.PrevExist)
	}
	b = appendVarint(b, fieldExpiration, uint64(c.Expiration))
	b = appendBool(b, fieldWait, c.Wait)
	b = appendVarint(b, fieldSince, c.Since)
	b = appendBool(b, fieldRecursive, c.Recursive)
	b = appendBool(b, fieldSorted, c.Sorted)
	b = appendBool(b, fieldQuorum, c.Quorum)
	b = appendVarint(b, fieldTime, uint64(c.Time))
	b = appendBool(b, fieldStream, c.Stream)
	if c.Refresh != nil {
		b = appendBool(b, fieldRefresh, *c.Refresh)
	}
	return b
}

// sizeBound is not below the encoded size, and little above it.
func (c *Command) sizeBound() int {
	size := 36 // tags, booleans, the length of the method
	for _, s := range []string{c.Method, c.Path, c.Val, c.PrevValue} {
		size += protowire.SizeBytes(len(s))
	}
	for _, v := range []uint64{c.ID, c.PrevIndex, uint64(c.Expiration), c.Since, uint64(c.Time)} {
		size += protowire.SizeVarint(v)
	}
	return size
}

func appendVarint(b []byte, n protowire.Number, v uint64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, n, protowire.VarintType), v)
}

func appendBool(b []byte, n protowire.Number, v bool) []byte {
	return appendVarint(b, n, protowire.EncodeBool(v))
}

func appendString(b []byte, n protowire.Number, v string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, n, protowire.BytesType), v)
}

// Light reports whether data is an encoded command that touches one key: what it takes does not grow with the tree.
func Light(data []byte) bool {
	n, kind, size := protowire.ConsumeTag(data)
	if size < 0 || n != fieldID || kind != protowire.VarintType {
		return false
	}
	_, id := protowire.ConsumeVarint(data[size:])
	if id < 0 {
		return false
	}
	data = data[size+id:]
	if n, kind, size = protowire.ConsumeTag(data); size < 0 || n != fieldMethod || kind != protowire.BytesType {
		return false
	}
	method, _ := protowire.ConsumeBytes(data[size:])
	switch string(method) {
	case MethodPut, MethodPost, MethodQGet:
		return true
	}
	return false
}

// Unmarshal decodes the data of a log entry; the command shares no memory with it. Its errors are those of UnmarshalShared.
func Unmarshal(data []byte) (Command, error) {
	c, err := UnmarshalShared(data)
	c.Path, c.Val, c.PrevValue = strings.Clone(c.Path), strings.Clone(c.Val), strings.Clone(c.PrevValue)
	return c, err
}

// UnmarshalShared decodes the data of a log entry, which must never change any more: the command's strings are parts of it. It is strict,
// because nothing else tells a Request from the other entries that etcd 3.x writes: ErrNotCommand for data that is malformed, has a
// field of another number or kind, or none of the methods. ErrUnknownField for a method of etcd's with a field of Pando's own numbers;
// with MethodPando such fields are passed over, as it is Apply that knows whether the method means anything.
func UnmarshalShared(data []byte) (Command, error) {
	var c Command
	extended := false
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return Command{}, ErrNotCommand
		}
		data = data[size:]
		switch {
		case n >= firstExtension && n <= lastExtension:
			extended = true
			size = protowire.ConsumeFieldValue(n, kind, data)
		case kind == protowire.VarintType:
			var v uint64
			if v, size = protowire.ConsumeVarint(data); size >= 0 && !c.setNumber(n, v) {
				return Command{}, ErrNotCommand
			}
		case kind == protowire.BytesType:
			var v []byte
			if v, size = protowire.ConsumeBytes(data); size >= 0 && !c.setString(n, v) {
				return Command{}, ErrNotCommand
			}
		default:
			return Command{}, ErrNotCommand
		}
		if size < 0 {
			return Command{}, ErrNotCommand
		}
		data = data[size:]
	}
	if c.Method == "" {
		return Command{}, ErrNotCommand
	}
	if extended && c.Method != MethodPando {
		return Command{}, fmt.Errorf("%w (method %s)", ErrUnknownField, c.Method)
	}
	return c, nil
}

// setNumber sets a field that is a number or a boolean; false if n is none.
func (c *Command) setNumber(n protowire.Number, v uint64) bool {
	switch n {
	case fieldID:
		c.ID = v
	case fieldDir:
		c.Dir = v != 0
	case fieldPrevIndex:
		c.PrevIndex = v
	case fieldPrevExist:
		c.PrevExist = boolean(v != 0)
	case fieldExpiration:
		c.Expiration = int64(v)
	case fieldWait:
		c.Wait = v != 0
	case fieldSince:
		c.Since = v
	case fieldRecursive:
		c.Recursive = v != 0
	case fieldSorted:
		c.Sorted = v != 0
	case fieldQuorum:
		c.Quorum = v != 0
	case fieldTime:
		c.Time = int64(v)
	case fieldStream:
		c.Stream = v != 0
	case fieldRefresh:
		c.Refresh = boolean(v != 0)
	default:
		return false
	}
	return true
}

// setString sets a field that is a string, to v's own memory; false if n is none, or if it is a method that there is not.
func (c *Command) setString(n protowire.Number, v []byte) bool {
	switch n {
	case fieldMethod:
		for _, m := range methods {
			if m == string(v) {
				c.Method = m
				return true
			}
		}
		return false
	case fieldPath:
		c.Path = unsafe.String(unsafe.SliceData(v), len(v))
	case fieldVal:
		c.Val = unsafe.String(unsafe.SliceData(v), len(v))
	case fieldPrevValue:
		c.PrevValue = unsafe.String(unsafe.SliceData(v), len(v))
	default:
		return false
	}
	return true
}
