package tls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"pando/test/certs"
	"pando/test/server"
)

// patience bounds every wait.
const patience = 30 * time.Second

// await tries until there is no error.
func await(t *testing.T, what string, try func() error) {
	t.Helper()
	server.Await(t, what, patience, try)
}

// awaitLog waits until a server has written all of the texts.
func awaitLog(t *testing.T, s *server.Server, texts ...string) {
	t.Helper()
	await(t, "a log line", func() error {
		for _, text := range texts {
			if !strings.Contains(s.Log(), text) {
				return fmt.Errorf("the log lacks %q", text)
			}
		}
		return nil
	})
}

// trusting is a client that trusts an authority and shows these certificates, whatever the server asks for.
func trusting(ca *certs.Authority, shown ...certs.Pair) *tls.Config {
	c := &tls.Config{RootCAs: ca.Pool()}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		if len(shown) > 0 {
			return &shown[0].TLS, nil
		}
		return new(tls.Certificate), nil
	}
	return c
}

// client makes a client with connections of its own.
func client(config *tls.Config) *http.Client {
	return &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: config}}
}

// outcome asks once the server listens, and says what came of it in a word or two.
func outcome(t *testing.T, url string, config *tls.Config) (said string) {
	t.Helper()
	await(t, "an answer of "+url, func() error {
		resp, err := client(config).Get(url)
		if errors.Is(err, syscall.ECONNREFUSED) {
			return err
		}
		if err == nil {
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				return err
			}
			said = fmt.Sprint(resp.StatusCode)
			if strings.Contains(string(body), "HTTPS server") {
				said = "https only"
			}
			return nil
		}
		switch text := err.Error(); {
		case strings.Contains(text, "certificate required"), strings.Contains(text, "bad certificate"),
			strings.Contains(text, "unknown certificate authority"):
			said = "alert"
		case strings.Contains(text, "server gave HTTP response"):
			said = "http only"
		default:
			said = text
		}
		return nil
	})
	return said
}

// exitCode is that of a process which ends by itself.
func exitCode(t *testing.T, s *server.Server) int {
	t.Helper()
	err := s.Wait(patience)
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// authorities are one that is trusted and one that is not, with what they have signed.
type authorities struct {
	ca, other                         *certs.Authority
	server, good, stranger, serverish certs.Pair
}

func newAuthorities(t *testing.T) *authorities {
	a := &authorities{ca: certs.NewAuthority(t, "ca"), other: certs.NewAuthority(t, "other")}
	a.server = a.ca.Sign(t, certs.Leaf{Name: "server"})
	a.good = a.ca.Sign(t, certs.Leaf{Name: "client", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	a.stranger = a.other.Sign(t, certs.Leaf{Name: "stranger"})
	a.serverish = a.ca.Sign(t, certs.Leaf{Name: "serverish", Usages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	return a
}

// put writes a key through a client.
func put(c *http.Client, endpoint, key, value string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPut, endpoint+"/v2/keys/"+key, strings.NewReader("value="+value))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	resp, err := c.Do(r)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		body, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("PUT %s: %s %s", key, resp.Status, body)
	}
	return nil
}
