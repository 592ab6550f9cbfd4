package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"pando/config"
)

// healthPatience bounds a health check: a server that does not answer within is not well.
const healthPatience = 5 * time.Second

// runHealth is `pando health`, the health check of an image that holds nothing but
// this program: it asks the server on this machine that has the same flags and
// variables. It returns the exit code, 0 if that server is healthy and 1 if it is not.
func runHealth(args []string, out, errOut io.Writer) int {
	cfg, err := config.Parse(args)
	if err != nil {
		return refuse(err, out, errOut)
	}
	ctx, cancel := context.WithTimeout(context.Background(), healthPatience)
	defer cancel()
	answer, err := askHealth(ctx, cfg)
	if err != nil {
		fmt.Fprintln(errOut, "not healthy:", err)
		return 1
	}
	fmt.Fprintln(out, answer)
	return 0
}

// askHealth returns what GET /health says, or why that is not 200. An http URL goes
// before https: --client-cert-auth may not let the server's own certificate in.
func askHealth(ctx context.Context, cfg *config.Config) (string, error) {
	if len(cfg.ListenClient) == 0 {
		return "", errors.New("there is no client URL")
	}
	at := cfg.ListenClient[0]
	for _, l := range cfg.ListenClient {
		if !l.Secure() {
			at = l
			break
		}
	}
	// Whoever answers on our own port is asked, whatever name its certificate is for.
	tlsConfig := &tls.Config{InsecureSkipVerify: true}
	if at.Secure() {
		pair, err := tls.LoadX509KeyPair(cfg.ClientTLS.CertFile, cfg.ClientTLS.KeyFile)
		if err != nil {
			return "", err
		}
		tlsConfig.Certificates = []tls.Certificate{pair}
	}
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: tlsConfig, DisableKeepAlives: true}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.URL+"/health", nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	answer := strings.TrimSpace(string(body))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, answer)
	}
	return answer, err
}
