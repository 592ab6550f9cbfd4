package bench

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// BenchmarkAuth compares the writes of clients that send a user's password with each request with those of clients that
// do not, on one server, in turns: authentication is off for the latter.
func BenchmarkAuth(b *testing.B) {
	const turns, keys = 5, 20_000
	for b.Loop() {
		addr := startServer(b)
		admin := func(method, path, body string) {
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
		admin("PUT", "/v2/auth/users/root", `{"user":"root","password":"secret"}`)
		admin("PUT", "/v2/auth/roles/writer", `{"role":"writer","permissions":{"kv":{"read":[],"write":["/other","/load/*"]}}}`)
		admin("PUT", "/v2/auth/users/app", `{"user":"app","password":"app's password","roles":["writer"]}`)
		login := fmt.Sprintf("Authorization: Basic %s\r\n", base64.StdEncoding.EncodeToString([]byte("app:app's password")))
		var took [2]time.Duration // without and with
		for range turns {
			began := time.Now()
			write(b, addr, writers, counted(keys))
			took[0] += time.Since(began)
			admin("PUT", "/v2/auth/enable", "")
			began = time.Now()
			writeAs(b, addr, login, writers, counted(keys))
			took[1] += time.Since(began)
			admin("DELETE", "/v2/auth/enable", "")
		}
		b.ReportMetric(turns*keys/took[0].Seconds(), "put/s")
		b.ReportMetric(turns*keys/took[1].Seconds(), "put/s-with-auth")
		b.ReportMetric(100*took[0].Seconds()/took[1].Seconds(), "%")
	}
}
