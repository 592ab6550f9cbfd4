// Package front is an HTTP/1.1 server for plain requests: those that nearly all traffic consists of, and that need little of
// what net/http does for each request. Everything else, and every connection that once sends anything else, is handed on
// to net/http with the bytes that were read, so that net/http decides about all that is unusual, malformed or hostile.
//
// What is plain: head.go says it, and a fuzz test holds that net/http reads each such request the same. The answer is what
// net/http would have written, field for field.
//
//	server.go      accepting, shutting down, and who of the connections is where
//	conn.go        one connection: read, answer, again
//	head.go        a head as bytes to an *http.Request
//	response.go    the http.ResponseWriter
//	fields.go      the fields of an answer's head
//	park.go        answers that wait for something to happen, and cost no goroutine meanwhile
//	crew.go        who tells parked answers what has happened
//	lot.go         the parked connections, and what the system tells of them; without it all connections are handed on
//
// It promises
//   - that the handler sees what it would see under net/http, but for r.Context(), which ends with nothing: a client that goes
//     away is noticed when it is answered, or at once if its answer is parked;
//   - that a connection costs at most maxRequest bytes and a goroutine while it sends or is answered, a goroutine and minBuffer
//     bytes for a few seconds until its next request, and a few hundred bytes while it is parked: with a watch, or silent;
//   - that no client can make it wait for ever, except for what the handler waits for, and for an answer to be taken: whoever has
//     a limit for that sets a write deadline, as under net/http.
//
// It asks of its caller
//   - a handler that keeps nothing of an *http.Request, nor of the headers of its answer, when it has returned;
//   - a handler that keeps to the length that it announces, if it does, and that sends no trailers, no transfer coding of its own and
//     no status below 200;
//   - that connections are those of Conn, and that what is handed on is served by an http.Server.
package front
