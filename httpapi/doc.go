// Package httpapi is the HTTP surface: the keys API of etcd v2 and what stands beside it on the client port, and the
// small part of the peer port that is not raft.
//
// A request passes these stations, each a file or two:
//
//	guard.go     of both ports: connections that are too many, requests that end their connection
//	heads.go     the memory of heads, all connections of a port together
//	handler.go   CORS, OPTIONS, unclean paths (path.go); reads and PUTs of a key go straight on, chi routes the rest
//	body.go      the form of a PUT or POST, read in bounded memory
//	auth.go      whether it may be done (package auth)
//	request.go   parse: method, key, query and form become a store.Command or a v2 error, without looking at anything else
//	auth.go      whether it may be done (package auth)
//	read.go      a key or a listing from a View, as a stream of bytes in bounded memory
//	write.go     a Command through the log
//	watch.go     events from the history
//	errors.go    the one place where an error becomes an answer
//	observe.go   what is told of each answer, and the log of slow requests
//
// Beside the keys stand members.go, stats.go, status.go and debug.go.
//
// It promises
//   - the answers of etcd 2.3.8 to the byte, except for what docs/compatibility.md lists with its reason;
//   - that a connection costs bounded memory whatever its client sends or does not read: the short head of its request, a
//     few chunks, and for long heads and form bodies what headBudget and bodyBudget grant to all of them together;
//   - that no request reaches anything but the key space: paths are cleaned before they are looked at.
//
// It asks of its caller
//   - a Server whose methods may be called from any goroutine and which keeps the request timeout itself;
//   - that the handler of New runs under the server of NewHTTPServer, which holds the limits that have to be kept before
//     a handler is called, and for plain requests under package front in its place.
//
// Keys carry the prefix /1 inside the store. It is added in parse and stripped where answers are encoded.
package httpapi
