// Package discovery finds the members of a new cluster, through a discovery service or through DNS.
//
// It promises etcd 2.3's discovery protocol (server spec, section 5), request for request, so that Pandos and etcds can meet
// under one token. A service is any server with etcd's v2 keys: Pando itself, etcd, or discovery.etcd.io's program in
// front of one of them. Members register below a token's directory; those that came first, as many as the key
// _config/size says, are the cluster. Whoever finds them complete writes nothing.
//
//	TOKEN/_config/size   3
//	TOKEN/ce2a822cea30bfca   node1=http://10.0.0.1:2380
//
// It asks of its caller: a name, peer URLs and an ID that will be this member's, and patience: a service that cannot be reached
// is asked for ever, and Join waits for the last member. It returns early when its context ends.
//
// Answers are bounded; nothing here keeps a goroutine or a file.
package discovery
