// Package bootstrap has no code of its own: its tests start clusters of Pandos that find each other through a discovery
// service, which is a Pando, or Debian's etcd-discovery in front of one.
package bootstrap
