package tls

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"pando/test/server"
)

// TestTools: curl and Debian's etcdctl with certificates, against a port that demands them.
func TestTools(t *testing.T) {
	t.Parallel()
	a := newAuthorities(t)
	s := server.Start(t, server.Options{Client: server.FreeAddr(t), TLS: trusting(a.ca, a.good), Args: []string{
		"--cert-file", a.server.Cert, "--key-file", a.server.Key, "--trusted-ca-file", a.ca.File, "--client-cert-auth"}})
	curl := []string{"curl", "-sS", "--cacert", a.ca.File}
	shown := append(curl[:4:4], "--cert", a.good.Cert, "--key", a.good.Key)
	etcdctl := []string{"etcdctl", "--endpoints", s.Endpoint, "--ca-file", a.ca.File}
	identified := append(etcdctl[:5:5], "--cert-file", a.good.Cert, "--key-file", a.good.Key)
	for _, c := range []struct {
		command []string
		more    string
		fails   bool
		says    string
	}{
		{shown, "-i -X PUT -d value=1 " + s.Endpoint + "/v2/keys/a", false, "HTTP/2 201"},
		{shown, "-i --http1.1 " + s.Endpoint + "/v2/keys/a", false, "HTTP/1.1 200 OK"},
		{shown, "--http1.1 --tls-max 1.2 " + s.Endpoint + "/v2/keys/a", false, `"value":"1"`},
		{shown, "--tls-max 1.1 " + s.Endpoint + "/v2/keys/a", true, "curl:"},
		{curl, s.Endpoint + "/v2/keys/a", true, "curl:"},
		{identified, "set b 2", false, "2"},
		{identified, "get b", false, "2"},
		{identified, "cluster-health", false, "cluster is healthy"},
		{identified, "member list", false, "isLeader=true"},
		{etcdctl, "get b", true, "certificate required"},
	} {
		args := append(c.command[1:len(c.command):len(c.command)], strings.Fields(c.more)...)
		cmd := exec.Command(c.command[0], args...)
		cmd.Env = append(os.Environ(), "ETCDCTL_API=2")
		out, err := cmd.CombinedOutput()
		if (err != nil) != c.fails || !strings.Contains(string(out), c.says) {
			t.Errorf("%s %s: %v, want %q in %s", c.command[0], c.more, err, c.says, out)
		}
	}
}
