package etcd238

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strconv"
	"testing"
	"time"

	"pando/test/server"
)

// sideBySide is a Pando, the first one, and an etcd that get the same requests.
type sideBySide struct {
	t         *testing.T
	random    *rand.Rand
	options   [2]server.Options
	servers   [2]*server.Server
	restarted bool
}

// Random requests and watches get the same answers from both, to the byte, and leave the same keys, events and counters behind:
// also when keys expire, when both are started again, and when each goes on with what the other has written.
func TestKeysAnswers(t *testing.T) {
	t.Parallel()
	etcd := etcd238(t)
	if etcd == "" {
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	s := &sideBySide{t: t, random: rand.New(rand.NewPCG(seed, 0))}
	var args []string
	if s.random.IntN(2) == 0 {
		args = []string{"--snapshot-count", strconv.Itoa(50 + s.random.IntN(300))}
	}
	s.options = [2]server.Options{{Dir: t.TempDir() + "/data", Args: args}, {Dir: t.TempDir() + "/data", Binary: etcd, Args: args}}
	s.start()
	for range 8 {
		if s.round(); t.Failed() {
			return
		}
	}
}

func (s *sideBySide) start() {
	for i, o := range s.options {
		s.servers[i] = server.Start(s.t, o)
	}
}

// round has watches and requests, perhaps with keys that expire and a restart.
func (s *sideBySide) round() {
	index := s.index(0)
	var watches []*twoWatches
	for range s.random.IntN(30) {
		watches = append(watches, s.watch(index))
	}
	for range 20 + s.random.IntN(200) {
		index = s.ask(randomKeyRequest(s.random, index))
	}
	if s.random.IntN(3) == 0 {
		s.expire()
	}
	time.Sleep(100 * time.Millisecond) // for what only one of them tells; what both tell is waited for
	for _, w := range watches {
		w.same(s.t, 10*time.Second)
	}
	s.same()
	if s.random.IntN(3) == 0 && !s.t.Failed() {
		s.restart()
		s.same()
	}
}

var etcdIndex = regexp.MustCompile(`X-Etcd-Index=\["(\d+)"\]`)

// ask compares two answers and returns the index in them.
func (s *sideBySide) ask(r keyRequest) (index uint64) {
	s.t.Helper()
	var answers [2]string
	for i, server := range s.servers {
		var err error
		if answers[i], err = r.answer(s.t.Context(), server.Endpoint); err != nil {
			s.t.Fatal(err)
		}
		if s.restarted { // what is replayed counts its TTLs anew
			answers[i] = regexp.MustCompile(`,"ttl":-?N`).ReplaceAllString(answers[i], "")
		}
	}
	pando, etcd := answers[0], answers[1]
	if pando != etcd {
		at := 0
		for at < min(len(pando), len(etcd)) && pando[at] == etcd[at] {
			at++
		}
		s.t.Errorf("%v: from byte %d\netcd  %.500s\nPando %.500s", r, at, etcd[max(0, at-300):], pando[max(0, at-300):])
	}
	if m := etcdIndex.FindStringSubmatch(pando); m != nil {
		index, _ = strconv.ParseUint(m[1], 10, 64)
	}
	return index
}

// index waits until both are at the same index, which is not below least.
func (s *sideBySide) index(least uint64) (index uint64) {
	s.t.Helper()
	nothing := keyRequest{method: http.MethodGet, target: "/v2/keys/nothing"}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var both [2]uint64
		for i, server := range s.servers {
			answer, err := nothing.answer(s.t.Context(), server.Endpoint)
			if err != nil {
				s.t.Fatal(err)
			}
			if m := etcdIndex.FindStringSubmatch(answer); m != nil {
				both[i], _ = strconv.ParseUint(m[1], 10, 64)
			}
		}
		if both[0] == both[1] && both[0] >= least {
			return both[0]
		}
	}
	s.t.Fatalf("they do not come to the same index")
	return 0
}

var (
	counters = regexp.MustCompile(`"(getsSuccess|getsFail|watchers)":\d+`)
	soon     = regexp.MustCompile(`"expiration":"[^"]*"(,"ttl":(-\d+|[0-9]))?,"modifiedIndex"`)
)

// same compares all keys, the counters and the last events.
func (s *sideBySide) same() {
	s.t.Helper()
	index := s.index(0)
	s.ask(keyRequest{method: "GET", target: "/v2/keys/?recursive=true&sorted=true"})
	var stats [2]string
	for i, server := range s.servers {
		stats[i] = counters.ReplaceAllString(get(s.t, server.Endpoint, "/v2/stats/store"), "")
	}
	if stats[0] != stats[1] {
		s.t.Errorf("etcd  has counted %s\nPando has counted %s", stats[1], stats[0])
	}
	last := s.ask(keyRequest{method: "PUT", target: "/v2/keys/last"})
	for from := index - min(index-1, 100); from < last; from += 1 + s.random.Uint64N(3) {
		s.ask(keyRequest{method: "GET", target: fmt.Sprintf("/v2/keys/?wait=true&recursive=true&waitIndex=%d", from)})
	}
}

// expire makes keys that are due soon, and waits until they are gone.
func (s *sideBySide) expire() {
	for range 1 + s.random.IntN(6) {
		path := "/v2/keys/" + pick(s.random, "a", "b", "c") + pick(s.random, "", "/a", "/e")
		s.ask(keyRequest{method: "PUT", target: path, content: formType, form: fmt.Sprintf("ttl=%d&dir=%s&prevExist=%s",
			s.random.IntN(3), randomBool(s.random), pick(s.random, "true", "false", "false"))})
	}
	for _, server := range s.servers {
		for deadline := time.Now().Add(30 * time.Second); soon.MatchString(get(s.t, server.Endpoint, "/v2/keys/?recursive=true")); {
			if time.Now().After(deadline) {
				s.t.Fatal("what is due does not expire")
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
}

// restart ends both, either way, and starts them again, each with its own data or that of the other.
func (s *sideBySide) restart() {
	index := s.index(0)
	for i := range s.servers {
		if s.random.IntN(2) == 0 {
			s.servers[i].Kill()
		} else {
			_ = s.servers[i].Stop()
		}
	}
	if s.random.IntN(2) == 0 {
		s.options[0].Dir, s.options[1].Dir = s.options[1].Dir, s.options[0].Dir
	}
	s.start()
	s.index(index + 1)
	s.restarted = true
}
