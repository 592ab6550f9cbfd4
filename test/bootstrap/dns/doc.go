// Package dns has no code of its own: its tests run clusters of Pandos that find each other through SRV records. They need a
// name server that the processes ask, and so a network of their own: the whole test process runs in a network namespace
// with an /etc/resolv.conf that names its name server. That takes root.
package dns
