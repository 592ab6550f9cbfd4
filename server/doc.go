// Package server is what runs: a member of a cluster or a proxy, with its ports. It puts the other packages together, and
// does what is nobody else's: who this member is and which cluster it belongs to, what it writes by itself, and the order in which all
// of it starts and stops.
//
//	start.go             a member or a proxy, by what the data directory belongs to
//	server.go            a member: from its sockets to its last word; what httpapi asks of it
//	machine.go           the state machine that raft applies the log to
//	peers.go             connections to the other members, as the tree lists them
//	bootstrap.go join.go how a member without data begins, alone or by what others say
//	members*.go          changes of the membership, here or by the leader
//	housekeeping.go      what a member writes by itself, and the clock that keys expire by
//	mixed.go             members that are etcd
//	proxymode.go         a proxy
//	service.go listen.go what both have in common: ports, their limits, an end
//	host.go              disk and clock of the machine
package server
