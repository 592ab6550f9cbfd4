// Package etcd34 has no code of its own: its tests take a Pando's data directory to the etcd 3.4 and the etcdctl that
// are installed, by the ways that etcd's own documentation knows, and compare what clients see.
package etcd34
