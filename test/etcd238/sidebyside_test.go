package etcd238

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
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

// round has watches and requests, perhaps with keys that expire, and a restart.
func (s *sideBySide) round() {
	index := s.index(0)
	last := &twoWatches{path: "/last"}
	last.open(s, url.Values{"wait": {"true"}})
	var watches []*twoWatches
	for range s.random.IntN(30) {
		watches = append(watches, s.randomWatch(index))
	}
	for range 20 + s.random.IntN(200) {
		index = s.ask(randomKeyRequest(s.random, index))
	}
	for range max(0, s.random.IntN(5)-2) {
		s.expire()
	}
	s.ask(keyRequest{method: "PUT", target: "/v2/keys/last"})
	last.same(s.t, true) // who has been told of it has told the others of all that came before
	for _, w := range watches {
		w.same(s.t, false)
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
			answers[i] = ttlMasked.ReplaceAllString(answers[i], "")
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
	server.Await(s.t, "the same index", patience, func() error {
		var both [2]uint64
		for i, server := range s.servers {
			answer, err := keyRequest{method: "GET", target: "/v2/keys/nothing"}.answer(s.t.Context(), server.Endpoint)
			if err != nil {
				return err
			}
			if m := etcdIndex.FindStringSubmatch(answer); m != nil {
				both[i], _ = strconv.ParseUint(m[1], 10, 64)
			}
		}
		if index = both[0]; index != both[1] || index < least {
			return fmt.Errorf("%v, and not below %d", both, least)
		}
		return nil
	})
	return index
}

var (
	counters = regexp.MustCompile(`"(getsSuccess|getsFail|watchers)":\d+`)
	soon     = regexp.MustCompile(`"expiration":"[^"]*"(,"ttl":(-\d+|\d))?,"(nodes|modifiedIndex)"`)
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

// expire makes a key that is due soon, and waits until it is gone.
func (s *sideBySide) expire() {
	path := "/v2/keys/" + pick(s.random, "a", "b", "c") + pick(s.random, "", "/a", "/e")
	s.ask(keyRequest{method: "PUT", target: path, content: formType, form: fmt.Sprintf("ttl=%d&dir=%s&prevExist=%s",
		s.random.IntN(3), randomBool(s.random), pick(s.random, "true", "false", "false"))})
	for _, one := range s.servers {
		server.Await(s.t, "expiration", patience, func() error {
			if what := soon.FindString(get(s.t, one.Endpoint, "/v2/keys/?recursive=true")); what != "" {
				return errors.New(what)
			}
			return nil
		})
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
