// Package auth is the authentication of etcd's v2 API: who the users are, what their roles allow, and whether a request may
// do what it asks for (cluster-api spec, section 9).
//
// Everything is kept in the replicated tree below /2, byte for byte as etcd 2.3 writes it (etcd-compat spec, section 4), so that
// a cluster may have members of both:
//
//	/2/enabled      true or false
//	/2/users/NAME   {"user":NAME,"password":"$2a$10$...","roles":[...]|null}
//	/2/roles/NAME   {"role":NAME,"permissions":{"kv":{"read":[...]|null,"write":[...]|null}}}
//
// The role root is not stored: it allows everything, and the user root always has it. The role guest is what a request
// without credentials may do.
//
// A request passes these stations:
//
//	table.go    the records of a View, parsed once for each change of /2
//	login.go    a name and a password against a record, in bounded work and memory
//	match.go    the patterns of a role against a key
//	service.go  the questions: may this request do that?
//
// and a change of the records these:
//
//	user.go, role.go   what a record holds and how it is changed, without looking at anything else
//	change.go          the record as read here, changed, through the log; again if another was faster
//
// It promises
//   - that a password is checked with bcrypt once, and from then on with a keyed hash in memory, until another password is set;
//   - that an unknown user costs as much time as a wrong password, and a wrong password no memory;
//   - that bcrypt never takes more than half of the processors, and an eighth for wrong passwords, and that who floods it from
//     one address delays those from other addresses by about one check;
//   - that of two changes of one record at the same time none is lost.
//
// It asks of its caller a Member whose methods may be called from any goroutine.
package auth
