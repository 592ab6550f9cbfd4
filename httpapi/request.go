package httpapi

import (
	"math"
	"net/http"
	"strconv"
	"time"

	"pando/store"
)

// The causes of refused parameters (keys-api spec, section 11). Two of them carry no quotes.
const (
	causeWaitMethod   = `"wait" can only be used with GET requests`
	causePrevValue    = `"prevValue" cannot be empty`
	causePrevExist    = "invalid value for prevExist"
	causeRefresh      = "invalid value for refresh"
	causeRefreshValue = "A value was provided on a refresh"
	causeRefreshTTL   = "No TTL value set"
	causeTooDeep      = "key is too deep"
)

// parse turns a request into a command: keys-api spec, section 4. The key is clean, "" for the root. The form is that of the
// body. Nothing is looked at but the arguments; now is what a TTL counts from. A command for a read or a watch is filled in
// like any other and never proposed.
func parse(method, key, query, form string, now time.Time) (store.Command, *store.Error) {
	var v validator
	err := v.params.add(form)
	if queryErr := v.params.add(query); err == nil {
		err = queryErr
	}
	if err != nil {
		return store.Command{}, store.NewError(store.CodeInvalidForm, err.Error(), 0)
	}
	c := v.command(method, now)
	c.Path = keysPrefix + key
	if v.err == nil {
		v.checkDepth(key, &c)
	}
	return c, v.err
}

// validator reads typed parameters. The first error stays; what is read after it means nothing.
type validator struct {
	params params
	err    *store.Error
}

// command reads everything in the order that decides which of several errors is told (keys-api spec, section 4.4).
func (v *validator) command(method string, now time.Time) store.Command {
	c := store.Command{Method: method}
	c.PrevIndex = v.uint(paramPrevIndex)
	c.Since = v.uint(paramWaitIndex)
	c.Recursive = v.bool(paramRecursive)
	c.Sorted = v.bool(paramSorted)
	c.Wait = v.bool(paramWait)
	c.Dir = v.bool(paramDir)
	c.Quorum = v.bool(paramQuorum)
	c.Stream = v.bool(paramStream)
	if c.Wait && method != http.MethodGet {
		v.fail(store.CodeInvalidField, causeWaitMethod)
	}
	var given bool
	if c.PrevValue, given = v.params.get(paramPrevValue); given && c.PrevValue == "" {
		v.fail(store.CodePrevValueMissing, causePrevValue)
	}
	var hasTTL bool
	c.Expiration, hasTTL = v.expiration(now)
	c.PrevExist = v.optionalBool(paramPrevExist, causePrevExist)
	c.Refresh = v.optionalBool(paramRefresh, causeRefresh)
	c.Val, _ = v.params.get(paramValue)
	if c.Refresh != nil && *c.Refresh {
		if c.Val != "" {
			v.fail(store.CodeRefreshValue, causeRefreshValue)
		}
		if !hasTTL {
			v.fail(store.CodeRefreshTTL, causeRefreshTTL)
		}
	}
	return c
}

// expiration is when the ttl has passed, in nanoseconds since 1970. A ttl that leads beyond what an int64 holds, the year
// 2262, is refused; the reference wraps around (docs/compatibility.md).
func (v *validator) expiration(now time.Time) (unixNano int64, given bool) {
	s, _ := v.params.get(paramTTL)
	if s == "" {
		return 0, false
	}
	ttl, err := strconv.ParseUint(s, 10, 64)
	start := now.UnixNano()
	if err != nil || ttl > uint64(math.MaxInt64-start)/uint64(time.Second) {
		v.fail(store.CodeTTLNotNumber, invalidValue(paramTTL))
		return 0, true
	}
	return start + int64(ttl)*int64(time.Second), true
}

// checkDepth refuses what would make a node, or a watched path, deeper than maxDepth. Reads need no such limit.
func (v *validator) checkDepth(key string, c *store.Command) {
	max := maxDepth
	switch c.Method {
	case http.MethodPost:
		max-- // the child that is made
	case http.MethodGet, http.MethodHead:
		if !c.Wait {
			return
		}
	}
	if tooDeep(key, max) {
		v.fail(store.CodeInvalidField, causeTooDeep)
	}
}

func (v *validator) uint(p param) uint64 {
	s, given := v.params.get(p)
	if !given {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		v.fail(store.CodeIndexNotNumber, invalidValue(p))
	}
	return n
}

func (v *validator) bool(p param) bool {
	b := v.optionalBool(p, "")
	return b != nil && *b
}

// optionalBool returns nil for a parameter that was not given. An empty cause stands for the usual one.
func (v *validator) optionalBool(p param, cause string) *bool {
	s, given := v.params.get(p)
	if !given {
		return nil
	}
	b, err := strconv.ParseBool(s)
	if err != nil {
		if cause == "" {
			cause = invalidValue(p)
		}
		v.fail(store.CodeInvalidField, cause)
	}
	return &b
}

func (v *validator) fail(code int, cause string) {
	if v.err == nil {
		v.err = store.NewError(code, cause, 0)
	}
}

func invalidValue(p param) string { return `invalid value for "` + paramNames[p] + `"` }
