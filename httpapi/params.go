package httpapi

import (
	"errors"
	"net/url"
	"strings"
)

// param is a parameter that the keys API knows.
type param int

const (
	paramValue param = iota
	paramDir
	paramTTL
	paramPrevValue
	paramPrevIndex
	paramPrevExist
	paramRefresh
	paramRecursive
	paramSorted
	paramQuorum
	paramWait
	paramWaitIndex
	paramStream
	paramCount
)

var paramNames = [paramCount]string{"value", "dir", "ttl", "prevValue", "prevIndex", "prevExist", "refresh", "recursive",
	"sorted", "quorum", "wait", "waitIndex", "stream"}

// The causes of error 210 are net/url's.
var (
	errSemicolon         = errors.New("invalid semicolon separator in query")
	errTooManyParameters = errors.New("number of URL query parameters exceeded limit")
)

// params holds the first occurrence of each known parameter. Others take no memory.
type params struct {
	values  [paramCount]string
	present [paramCount]bool
}

// get returns a parameter's value and whether it was given.
func (p *params) get(i param) (string, bool) { return p.values[i], p.present[i] }

// add reads a query or a form. What is already there stays: the body comes first, then the query (keys-api spec,
// section 4.1). Names and values that nobody asks for have to be well-formed all the same.
func (p *params) add(pairs string) error {
	if strings.Count(pairs, "&") >= maxParameters {
		return errTooManyParameters
	}
	for pairs != "" {
		var pair string
		pair, pairs, _ = strings.Cut(pairs, "&")
		if strings.Contains(pair, ";") {
			return errSemicolon
		}
		name, value, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(name)
		if err != nil {
			return err
		}
		if value, err = url.QueryUnescape(value); err != nil {
			return err
		}
		p.set(name, value)
	}
	return nil
}

func (p *params) set(name, value string) {
	for i, known := range paramNames {
		if name == known {
			if !p.present[i] {
				p.values[i], p.present[i] = value, true
			}
			return
		}
	}
}
