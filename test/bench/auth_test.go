package bench

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// admin sends a request as root, which must succeed.
func admin(b *testing.B, addr, method, path, body string) {
	b.Helper()
	req, err := http.NewRequest(method, "http://"+addr+path, strings.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	req.SetBasicAuth("root", "secret")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode > 201 {
		b.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

// basic is the line of a head with credentials.
func basic(login string) string {
	return fmt.Sprintf("Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte(login)))
}

// withUsers starts a server with users, of whom app may write, and authentication off.
func withUsers(b *testing.B) (addr string) {
	addr = startServer(b)
	admin(b, addr, "PUT", "/v2/auth/users/root", `{"user":"root","password":"secret"}`)
	admin(b, addr, "PUT", "/v2/auth/roles/writer", `{"role":"writer","permissions":{"kv":{"read":[],"write":["/other","/load/*"]}}}`)
	admin(b, addr, "PUT", "/v2/auth/users/app", `{"user":"app","password":"app's password","roles":["writer"]}`)
	return addr
}

// BenchmarkAuth compares the writes of clients that send a user's password with each request with those of clients that
// do not, on one server, in turns: authentication is off for the latter.
func BenchmarkAuth(b *testing.B) {
	const turns, keys = 5, 20_000
	for b.Loop() {
		addr := withUsers(b)
		login := basic("app:app's password")
		var took [2]time.Duration // without and with
		for range turns {
			began := time.Now()
			write(b, addr, writers, counted(keys))
			took[0] += time.Since(began)
			admin(b, addr, "PUT", "/v2/auth/enable", "")
			began = time.Now()
			writeAs(b, addr, login, writers, counted(keys))
			took[1] += time.Since(began)
			admin(b, addr, "DELETE", "/v2/auth/enable", "")
		}
		b.ReportMetric(turns*keys/took[0].Seconds(), "put/s")
		b.ReportMetric(turns*keys/took[1].Seconds(), "put/s-with-auth")
		b.ReportMetric(100*took[0].Seconds()/took[1].Seconds(), "%")
	}
}

// BenchmarkWrongPasswords measures clients of a user beside as many who try passwords.
func BenchmarkWrongPasswords(b *testing.B) {
	for b.Loop() {
		addr := withUsers(b)
		admin(b, addr, "PUT", "/v2/auth/enable", "")
		login := basic("app:app's password")
		for _, guessers := range []int{0, writers} {
			done := make(chan struct{})
			var all sync.WaitGroup
			var guesses atomic.Int64
			for g := range guessers {
				all.Go(func() {
					c, err := dial(addr)
					if err != nil {
						b.Error(err)
						return
					}
					defer c.close()
					c.login = basic(fmt.Sprintf("app:%d", g))
					for ; ; guesses.Add(1) {
						select {
						case <-done:
							return
						default:
						}
						if c.put("/load/x", []byte("value=x")) == nil {
							b.Error("let in")
						}
					}
				})
			}
			time.AfterFunc(10*time.Second, func() { close(done) })
			l := writeAs(b, addr, login, writers, during(done, 1000))
			all.Wait()
			what := fmt.Sprintf("beside-%d", guessers)
			b.ReportMetric(float64(len(l.all))/10, what+"-put/s")
			l.report(b, what)
			b.ReportMetric(float64(guesses.Load())/10, what+"-guesses/s")
		}
	}
}
