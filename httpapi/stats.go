package httpapi

import (
	"encoding/json"
	"net/http"
	"time"

	"pando/peerstats"
	"pando/store"
)

// Statistics is what /v2/stats tells of (cluster-api spec, section 4). Its methods may be called from any goroutine.
type Statistics interface {
	// Started is when this member started, LeaderSince when it learned who leads.
	Started() time.Time
	LeaderSince() time.Time
	// Appends are the appends that this member has sent and received.
	Appends() (sent, received peerstats.Traffic)
	// Follower is what is known of another member.
	Follower(id uint64) peerstats.Follower
	// Operations are the store's counters.
	Operations() store.Stats
}

// selfStats is the document of /v2/stats/self. The rates are left out while they are zero.
type selfStats struct {
	Name       string `json:"name"`
	ID         string `json:"id"`
	State      string `json:"state"`
	StartTime  string `json:"startTime"`
	LeaderInfo struct {
		Leader    string `json:"leader"`
		Uptime    string `json:"uptime"`
		StartTime string `json:"startTime"`
	} `json:"leaderInfo"`
	RecvCount     uint64  `json:"recvAppendRequestCnt"`
	RecvRate      float64 `json:"recvPkgRate,omitempty"`
	RecvBandwidth float64 `json:"recvBandwidthRate,omitempty"`
	SendCount     uint64  `json:"sendAppendRequestCnt"`
	SendRate      float64 `json:"sendPkgRate,omitempty"`
	SendBandwidth float64 `json:"sendBandwidthRate,omitempty"`
}

// serveSelfStats says what this member does, as it sees it.
func (h *handler) serveSelfStats(w http.ResponseWriter, r *http.Request) {
	id, leader := h.server.MemberID(), h.server.Leader()
	s := selfStats{Name: h.name(id), ID: hexID(id), State: "StateFollower", StartTime: h.stats.Started().Format(time.RFC3339Nano)}
	if leader == id {
		s.State = "StateLeader"
	}
	var since time.Time // the zero time until somebody leads, as in etcd
	uptime := time.Duration(0)
	if leader != 0 {
		s.LeaderInfo.Leader = hexID(leader)
		since = h.stats.LeaderSince()
		uptime = time.Since(since)
	}
	s.LeaderInfo.Uptime, s.LeaderInfo.StartTime = uptime.String(), since.Format(time.RFC3339Nano)
	sent, received := h.stats.Appends()
	s.RecvCount, s.RecvRate, s.RecvBandwidth = received.Count, received.Rate.Packages, received.Rate.Bytes
	s.SendCount, s.SendRate, s.SendBandwidth = sent.Count, sent.Rate.Packages, sent.Rate.Bytes
	writeStats(w, s)
}

func (h *handler) name(id uint64) string {
	for _, m := range h.server.View().Members() {
		if m.ID == id {
			return m.Name
		}
	}
	return ""
}

// followerStats is a member in the document of /v2/stats/leader; times are in milliseconds.
type followerStats struct {
	Latency struct {
		Current           float64 `json:"current"`
		Average           float64 `json:"average"`
		StandardDeviation float64 `json:"standardDeviation"`
		Minimum           float64 `json:"minimum"`
		Maximum           float64 `json:"maximum"`
	} `json:"latency"`
	Counts struct {
		Fail    uint64 `json:"fail"`
		Success uint64 `json:"success"`
	} `json:"counts"`
}

// serveLeaderStats says how the leader reaches the others. Only it knows.
func (h *handler) serveLeaderStats(w http.ResponseWriter, r *http.Request) {
	id := h.server.MemberID()
	if h.server.Leader() != id {
		writeMessage(w, http.StatusForbidden, "not current leader")
		return
	}
	followers := map[string]followerStats{}
	for _, m := range h.server.View().Members() {
		if m.ID == id {
			continue
		}
		var f followerStats
		known := h.stats.Follower(m.ID)
		f.Latency.Current, f.Latency.Average, f.Latency.StandardDeviation = known.Current, known.Average, known.StandardDeviation
		f.Latency.Minimum, f.Latency.Maximum = known.Minimum, known.Maximum
		f.Counts.Fail, f.Counts.Success = known.Fail, known.Success
		followers[hexID(m.ID)] = f
	}
	writeStats(w, struct {
		Leader    string                   `json:"leader"`
		Followers map[string]followerStats `json:"followers"`
	}{hexID(id), followers})
}

// serveStoreStats shows the store's counters.
func (h *handler) serveStoreStats(w http.ResponseWriter, r *http.Request) {
	writeStats(w, h.stats.Operations())
}

// writeStats sends a document without a newline.
func writeStats(w http.ResponseWriter, document any) {
	text, err := json.Marshal(document)
	if err != nil { // a number that JSON does not have; there is none
		writeMessage(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	w.Header()["Content-Type"] = typeJSON
	_, _ = w.Write(text)
}
