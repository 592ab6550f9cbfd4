package config

import (
	"crypto/sha1"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// MemberID computes the id of a member of a new cluster from its peer URLs, in any order, and the cluster token
// (etcd-compat spec, section 6). Once data exists, the id is what the WAL says, not this.
func MemberID(peerURLs []string, token string) uint64 {
	sorted := slices.Sorted(slices.Values(peerURLs))
	return firstBytes([]byte(strings.Join(sorted, "") + token))
}

// ClusterID computes the id of a new cluster from the ids of its initial members, in any order.
func ClusterID(memberIDs []uint64) uint64 {
	var text []byte
	for _, id := range slices.Sorted(slices.Values(memberIDs)) {
		text = binary.BigEndian.AppendUint64(text, id)
	}
	return firstBytes(text)
}

// firstBytes is the beginning of the SHA-1 of text as a number. SHA-1 because the ids have to be etcd's.
func firstBytes(text []byte) uint64 {
	sum := sha1.Sum(text)
	return binary.BigEndian.Uint64(sum[:8])
}

// RescuedPeerURLs are the peer URLs of a member that makes itself a new cluster and was in none, as a restored backup is:
// the defaults, in the order in which etcd 2.3 lists them here (server spec, section 9).
func RescuedPeerURLs() []string {
	return []string{"http://localhost:7001", "http://localhost:2380"}
}

// MemberContext is the Context of the configuration change that adds a member: JSON to the byte as etcd writes it
// (etcd-compat spec, section 3), since every member of a cluster stores these bytes. Name is empty for members added at run time.
func MemberContext(id uint64, name string, peerURLs []string) []byte {
	text, err := json.Marshal(struct {
		ID       uint64   `json:"id"`
		PeerURLs []string `json:"peerURLs"`
		Name     string   `json:"name,omitempty"`
	}{id, peerURLs, name})
	if err != nil {
		panic(fmt.Sprintf("config: a number and strings do not encode: %v", err))
	}
	return text
}
