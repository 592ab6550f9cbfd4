// Package tlsconfig turns the certificate flags of a port into configurations for crypto/tls that follow the files: a
// certificate, key or bundle of authorities that is replaced counts from the next handshake on, without a restart.
//
//	files.go    reads the files and says what is wrong with them
//	watched.go  notices that they have changed
//	source.go   a port's files and the configuration for those who connect to it
//	dial.go     connections to other members
//	advice.go   what to do about a handshake that failed, and the log line that says so
//
// It promises
//   - the rules of etcd 2.3 (server spec, section 7): a bundle alone demands nothing of clients, ClientCertAuth without a
//     bundle trusts the system's authorities;
//   - that files which cannot be used never replace ones that can: a certificate and its key are taken together or not at
//     all, so that a handshake between the writing of the one and the other succeeds with the old pair;
//   - that a change is logged once, taken or not, and that looking costs at most one stat per file and second, within a
//     handshake: no goroutine, no timer.
//
// It does not end connections: one that was made with a certificate lives on when that is replaced.
//
// etcd's own client/pkg/transport.TLSInfo is not used: since 3.0 a bundle alone demands certificates of clients, it reads its
// bundle once, and the pair on each handshake, torn ones too.
package tlsconfig
