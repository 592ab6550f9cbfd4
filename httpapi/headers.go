package httpapi

import (
	"net/http"
	"strconv"
)

// Values of headers are shared between answers: nobody changes a slice that is in a header.
var typeJSON = []string{"application/json"}

// position is a point in the log as three headers tell it.
type position struct {
	index, raftIndex, raftTerm uint64
	values                     [3]string
}

func newPosition(index, raftIndex, raftTerm uint64) *position {
	var digits [60]byte
	b := strconv.AppendUint(digits[:0], index, 10)
	i := len(b)
	b = strconv.AppendUint(b, raftIndex, 10)
	j := len(b)
	b = strconv.AppendUint(b, raftTerm, 10)
	text := string(b)
	return &position{index, raftIndex, raftTerm, [3]string{text[:i], text[i:j], text[j:]}}
}

// setHeaders fills in what every success carries: keys-api spec, section 10.
func (h *handler) setHeaders(w http.ResponseWriter, p *position) {
	header := w.Header()
	header["Content-Type"] = typeJSON
	header["X-Etcd-Cluster-Id"] = h.clusterID
	header["X-Etcd-Index"] = p.values[0:1:1]
	header["X-Raft-Index"] = p.values[1:2:2]
	header["X-Raft-Term"] = p.values[2:3:3]
}

// positionOf is newPosition, remembered from one read to the next: many reads fall between two writes.
func (h *handler) positionOf(index, raftIndex, raftTerm uint64) *position {
	if p := h.position.Load(); p != nil && p.index == index && p.raftIndex == raftIndex && p.raftTerm == raftTerm {
		return p
	}
	p := newPosition(index, raftIndex, raftTerm)
	h.position.Store(p)
	return p
}

func hexID(id uint64) string { return strconv.FormatUint(id, 16) }
