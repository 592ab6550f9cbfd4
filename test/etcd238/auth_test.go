package etcd238

import (
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"pando/fsys"
	"pando/raft/wal"
	"pando/store"
	"pando/test/server"
)

// authRequest is one random request of those that authentication knows.
type authRequest struct {
	method, path, body, login string
}

func (r authRequest) String() string {
	return fmt.Sprintf("%s %s %s (%s)", r.method, r.path, r.body, r.login)
}

// pick returns one of a list.
func pick[T any](random *rand.Rand, list ...T) T { return list[random.IntN(len(list))] }

// some returns a few of the list, in any order, now and then one of them twice; nil half of the time.
func some(random *rand.Rand, list ...string) []string {
	if random.IntN(2) == 0 {
		return nil
	}
	out := []string{}
	for range random.IntN(3) {
		out = append(out, pick(random, list...))
	}
	return out
}

// authRequests makes requests that collide often. None of them makes etcd 2.3.8 crash: no empty role, no empty pattern.
func randomAuth(random *rand.Rand) authRequest {
	patterns := []string{"/*", "/a", "/a*", "/d/*", "*", "/d"}
	roles := []string{"guest", "r", "s", "root", "gone"}
	user, role := pick(random, "root", "u", "v", "é x", "_w"), pick(random, roles...)
	r := authRequest{login: pick(random, "", "root:p", "root:p", "root:p", "u:p", "u:q", "v:p", "nobody:p", ":p", "é x:p")}
	if r.login == ":p" {
		r.login = "malformed"
	}
	permissions := func() any {
		return map[string]any{"kv": map[string]any{"read": some(random, patterns...), "write": some(random, patterns...)}}
	}
	body := map[string]any{}
	switch random.IntN(12) {
	case 0, 1, 2:
		r.method, r.path = "PUT", "/v2/auth/users/"+url.PathEscape(user)
		body["user"] = user
		if random.IntN(3) > 0 {
			body["password"] = pick(random, "p", "p", "q", "")
		}
		for _, field := range []string{"roles", "grant", "revoke"} {
			if list := some(random, roles...); list != nil && random.IntN(2) == 0 {
				body[field] = list
			}
		}
	case 3, 4, 5:
		r.method, r.path = "PUT", "/v2/auth/roles/"+role
		body["role"] = role
		for _, field := range []string{"permissions", "grant", "revoke"} {
			if random.IntN(3) == 0 {
				body[field] = permissions()
			}
		}
	case 6:
		r.method, r.path = pick(random, "GET", "GET", "DELETE", "POST"), "/v2/auth/users/"+url.PathEscape(user)
	case 7:
		r.method, r.path = pick(random, "GET", "GET", "DELETE", "HEAD"), "/v2/auth/roles/"+role
	case 8:
		r.method, r.path = "GET", pick(random, "/v2/auth/users", "/v2/auth/roles", "/v2/auth/roles/", "/v2/auth/enable", "/v2/auth/users/u/x")
	case 9:
		r.method, r.path = pick(random, "PUT", "PUT", "PUT", "DELETE"), "/v2/auth/enable"
	default:
		r.method = pick(random, "GET", "GET", "HEAD", "PUT", "DELETE")
		r.path = "/v2/keys" + pick(random, "", "/", "/a", "/ab", "/d", "/d/", "/d/x")
		options := pick(random, "", "", "recursive=true", "quorum=true", "ttl=x")
		if r.method == "GET" {
			options += "&sorted=true" // else etcd's order is another each time
		}
		r.path += "?" + options
	}
	if len(body) > 0 {
		text, _ := json.Marshal(body)
		r.body = string(text)
	}
	return r
}

// send returns status, the headers that count, and the body.
func (r authRequest) send(t *testing.T, endpoint string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), r.method, endpoint+r.path, strings.NewReader(r.body))
	if err != nil {
		t.Fatal(err)
	}
	switch name, password, _ := strings.Cut(r.login, ":"); r.login {
	case "":
	case "malformed":
		req.Header.Set("Authorization", "Basic !")
	default:
		req.SetBasicAuth(name, password)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", r, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	h := resp.Header
	return fmt.Sprintf("%d %q %v %s %q %s", resp.StatusCode, h.Get("Content-Type"), h.Get("X-Etcd-Cluster-Id") != "", h.Get("X-Etcd-Index"), h.Get("Allow"), body)
}

// Random requests get the same answers from both, take the same indexes, and leave the same records behind.
func TestAuthAnswers(t *testing.T) {
	etcd := etcd238(t)
	if etcd == "" {
		return
	}
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	ours := server.Options{Dir: t.TempDir() + "/data"}
	theirs := server.Options{Dir: t.TempDir() + "/data", Binary: etcd}
	a, b := server.Start(t, ours), server.Start(t, theirs)
	awaitAuth(t, a.Endpoint)
	awaitAuth(t, b.Endpoint)
	var before []string
	for range 300 {
		r := randomAuth(random)
		before = append(before, r.String())
		if got, want := r.send(t, a.Endpoint), r.send(t, b.Endpoint); got != want {
			t.Fatalf("behind\n  %s\netcd %s\nPando %s", strings.Join(before[max(0, len(before)-12):], "\n  "), want, got)
		}
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	_ = b.Stop()
	if got, want := records(t, ours.Dir), records(t, theirs.Dir); got != want {
		t.Errorf("etcd wrote\n%s\nPando wrote\n%s", want, got)
	}
}

// awaitAuth waits until a server offers authentication: etcd looks twice a second whether it may.
func awaitAuth(t *testing.T, endpoint string) {
	t.Helper()
	enable := authRequest{method: "GET", path: "/v2/auth/enable"}
	for deadline := time.Now().Add(30 * time.Second); !strings.HasPrefix(enable.send(t, endpoint), "200"); {
		if time.Now().After(deadline) {
			t.Fatal("it never offers authentication")
		}
	}
}

var bcryptHash = regexp.MustCompile(`\$2a\$10\$[./0-9A-Za-z]{53}`)

// records replays the log of a directory and lists what is below /2, with the hashes of passwords left out.
func records(t *testing.T, dir string) string {
	t.Helper()
	log, err := wal.Look(fsys.OS, filepath.Join(dir, "member", "wal"), wal.Position{}, wal.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s := store.New(store.Options{Now: time.Now})
	for _, e := range log.Replay.Entries {
		var change raftpb.ConfChange
		if e.Type == 1 { // which takes an index
			if err := proto.Unmarshal(e.Data, &change); err != nil {
				t.Fatal(err)
			}
			s.ApplyMember(store.MemberChange{Kind: store.MemberChangeKind(change.GetType()), ID: change.GetNodeId(), Context: change.GetContext()})
		} else if c, err := store.Unmarshal(e.Data); err == nil {
			s.Apply(e.Index, e.Term, c)
		}
	}
	s.Publish(1, 1)
	var out strings.Builder
	var list func(path string, n *store.Node)
	list = func(path string, n *store.Node) {
		fmt.Fprintf(&out, "%s dir=%v %s\n", path, n.Dir(), bcryptHash.ReplaceAllString(n.Value(), "HASH"))
		for child := range n.Children() {
			list(path+"/"+child.Name(), child)
		}
	}
	if n := s.View().AuthRecords(); n != nil {
		list("/2", n)
	}
	return out.String()
}
