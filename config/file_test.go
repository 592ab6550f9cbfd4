package config

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "etcd.conf.yml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestConfigFile is a file as the one that etcd 3.4 comes with, all kinds of values in it.
func TestConfigFile(t *testing.T) {
	name := writeFile(t, `
name: 'one'
data-dir: &dir /var/lib/one
wal-dir: *dir
snapshot-count: 5000
heartbeat-interval: 50
listen-client-urls: http://127.0.0.1:2379,http://127.0.0.1:4001
advertise-client-urls: [ "http://b:1", "http://a:1" ]
cors:
discovery: ""
strict-reconfig-check: true
enable-v2: true
log-outputs:
  - stderr
client-transport-security:
peer-transport-security:
  peer-auto-tls: false
`)
	_, err := parse([]string{"--config-file", name}, nil)
	ended(t, err, 1, name+`:17: "peer-auto-tls" is no setting`)

	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	name = writeFile(t, strings.ReplaceAll(string(text), "peer-auto-tls", "auto-tls"))
	c := must(t, nil, "--config-file", name, "--snapshot-count=7")
	if c.Name != "one" || c.DataDir != "/var/lib/one" || c.WALDir != "/var/lib/one" || c.SnapshotCount != 7 || c.Heartbeat != 50*time.Millisecond ||
		!c.StrictReconfig || len(c.CORS) != 0 || len(c.ListenClient) != 2 || !slices.Equal(c.AdvertiseClient, []string{"http://a:1", "http://b:1"}) {
		t.Errorf("read as %+v", c)
	}
	for _, note := range []string{"enable-v2 (" + name + ":12) has no meaning for pando", "log-outputs (" + name + ":13) has no meaning"} {
		if !strings.Contains(warnings(c), note) {
			t.Errorf("%q is missing in %q", note, warnings(c))
		}
	}
}

// TestConfigFileOfNothing: a file that says nothing is fine.
func TestConfigFileOfNothing(t *testing.T) {
	for _, text := range []string{"", "# nothing\n", "---\n", "{}\n"} {
		if c := must(t, nil, "--config-file", writeFile(t, text), "--data-dir", "d"); c.Name != "default" {
			t.Errorf("%q: %+v", text, c)
		}
	}
}

// TestPackageLevels: etcd's names for its levels, for all packages and for single ones.
func TestPackageLevels(t *testing.T) {
	c := must(t, nil, "--log-package-levels", "etcdserver=WARNING, raft=d,*=ERROR")
	if c.LogLevel.String() != "error" || c.PackageLevels["etcdserver"].String() != "warn" || c.PackageLevels["raft"].String() != "debug" || len(c.PackageLevels) != 2 {
		t.Errorf("read as %v, %v", c.LogLevel, c.PackageLevels)
	}
	for _, text := range []string{"etcdserver", "raft=WARN", "=DEBUG", "raft=DEBUG,"} {
		c := must(t, nil, "--log-package-levels", text)
		if c.PackageLevels != nil || !strings.Contains(warnings(c), "couldn't parse log level string") {
			t.Errorf("%q: %v, %s", text, c.PackageLevels, warnings(c))
		}
	}
}

// TestConfigFileOfTwo: what would be passed over in silence is refused.
func TestConfigFileOfTwo(t *testing.T) {
	for text, want := range map[string]string{
		"name: a\n---\nname: b\n": ":2: a second document begins here",
		"name: a\n---\n{":         "did not find",
	} {
		_, err := parse([]string{"--config-file", writeFile(t, text)}, nil)
		ended(t, err, 1, want)
	}
}
