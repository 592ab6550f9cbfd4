// Package conformance checks a server's /v2/keys against cases that were recorded from etcd 2.3.8 and cross-checked on
// 3.4 and 3.5. The cases lie in cases/, compiled in; package misc runs those of cases-misc, for everything else.
//
// A case is a list of steps: requests, some left waiting in the background, and what has to come back. Run plays the
// steps over plain sockets (package rawhttp) and keeps every answer; only then is anything compared, because the cases
// name indexes by their place among all that a case saw: "#1" is the lowest. A golden is compared by working out what
// it stands for in this run and holding the answer against that, byte for byte where nothing else is said:
//
//	{dir} {host} {endpoint}     this run's top directory, the server's host:port, http://host:port
//	#3, +2                      the third lowest index of the case; the index at its start plus two (serial cases)
//	{020:#3}                    the same with 20 digits
//	{a*5000}                    5000 times a
//	ok, =modifiedIndex          X-Etcd-Index: not below anything seen before; that of the node written
//	cur                         index of an error: that of the header
//	<rfc3339>, {exp}, {ttl}     a time in UTC which agrees with the ttl; any time, any ttl (raw texts)
//	etcdserver: request timed out{...}   a reason may follow
//
// Objects must have the golden's fields in its order. A ttl may be off by one. The nodes of a directory come in any
// order unless the request was sorted.
//
// A case passes if all its steps match one flavour: 2.3.8, or (not when strict) 3.4 or 3.5, both of which fall back on
// what the flavour before them says where they say nothing.
package conformance
