package transport

import (
	"net/http"

	"github.com/coreos/go-semver/semver"
	"go.etcd.io/etcd/api/v3/version"
)

const (
	// ServerVersion is the version that this member announces to its peers: etcd 2.3.8 takes no other as its equal.
	ServerVersion = "2.3.8"
	// MinClusterVersion is the oldest version of a peer that is accepted, the same as etcd 2.3.8's.
	MinClusterVersion = "2.2.0"
)

// rafthttp reads what it announces from variables of the process; they are set before any goroutine can read them.
func init() {
	version.Version = ServerVersion
	version.MinClusterVersion = MinClusterVersion
}

var ours, oldest = *semver.New(ServerVersion), *semver.New(MinClusterVersion)

// compatible applies etcd's rule to the headers of a request: the peer is not older than our minimum, and its minimum is not
// newer than we are. Patch levels don't count. rafthttp panics on a version that cannot be read, so it must not see one.
func compatible(h http.Header) bool {
	server, ok := headerVersion(h, "X-Server-Version")
	if !ok {
		return false
	}
	least, ok := headerVersion(h, "X-Min-Cluster-Version")
	return ok && compareMinor(server, oldest) >= 0 && compareMinor(least, ours) <= 0
}

// headerVersion takes a missing header for etcd 2.0, which sent none.
func headerVersion(h http.Header, name string) (semver.Version, bool) {
	text := h.Get(name)
	if text == "" {
		text = "2.0.0"
	}
	v, err := semver.NewVersion(text)
	if err != nil {
		return semver.Version{}, false
	}
	return *v, true
}

func compareMinor(a, b semver.Version) int {
	return semver.Version{Major: a.Major, Minor: a.Minor}.Compare(semver.Version{Major: b.Major, Minor: b.Minor})
}
