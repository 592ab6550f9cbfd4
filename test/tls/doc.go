// Package tls has the tests of TLS with the real binary: who is let in on either port, certificates that are exchanged while
// it runs, files that are wrong, and clients that are in use.
package tls
