package config

import (
	"strings"
	"testing"
)

// TestEnvironment is the table of server spec, section 1, with PANDO_ before ETCD_.
func TestEnvironment(t *testing.T) {
	for _, c := range []struct {
		name    string
		environ []string
		args    []string
		want    string // --name
		note    string
	}{
		{"etcd's variable", []string{"ETCD_NAME=e"}, nil, "e", "recognized and used environment variable ETCD_NAME=e (PANDO_NAME would be used before it)"},
		{"own variable", []string{"PANDO_NAME=p"}, nil, "p", "recognized and used environment variable PANDO_NAME=p"},
		{"both", []string{"ETCD_NAME=e", "PANDO_NAME=p"}, nil, "p", "recognized environment variable ETCD_NAME, but unused: shadowed by PANDO_NAME"},
		{"flag first", []string{"ETCD_NAME=e"}, []string{"--name", "f"}, "f", "recognized environment variable ETCD_NAME, but unused: shadowed by corresponding flag"},
		{"flag with the default value", []string{"ETCD_NAME=e"}, []string{"--name=default"}, "default", "shadowed by corresponding flag"},
		{"empty is unset", []string{"ETCD_NAME="}, nil, "default", "unrecognized environment variable ETCD_NAME="},
		{"unknown", []string{"ETCD_NAMES=e"}, nil, "default", "unrecognized environment variable ETCD_NAMES=e"},
		{"unknown of ours", []string{"PANDO_X=1=2"}, nil, "default", "unrecognized environment variable PANDO_X=1=2"},
		{"a URL's password", []string{"ETCD_DISCOVERY=http://u:secret@h/t"}, nil, "default", "used environment variable ETCD_DISCOVERY=http://u:xxxxx@h/t"},
		{"ignored flag", []string{"ETCD_ENABLE_V2=true"}, nil, "default", "ETCD_ENABLE_V2 has no meaning"},
		{"image's version", []string{"ETCD_VERSION=v2.3.8"}, nil, "default", "unrecognized environment variable ETCD_VERSION=v2.3.8"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := must(t, c.environ, c.args...)
			if got.Name != c.want {
				t.Errorf("name %q, want %q", got.Name, c.want)
			}
			var all []string
			for _, n := range got.Notes {
				all = append(all, n.Text)
			}
			if notes := strings.Join(all, "\n"); !strings.Contains(notes, c.note) {
				t.Errorf("%q is missing in the notes:\n%s", c.note, notes)
			}
		})
	}
}

// TestEnvironmentOfOthers: etcdctl's variables are not ours to look at.
func TestEnvironmentOfOthers(t *testing.T) {
	c := must(t, []string{"ETCDCTL_ENDPOINT=x", "HOME=/"}, "--data-dir", "d")
	if len(c.Notes) != 0 {
		t.Errorf("notes: %+v", c.Notes)
	}
}

// TestEnvironmentRefused: a bad variable is exit code 1 where a bad flag is 2, and whoever does not know of the variable
// sees it named.
func TestEnvironmentRefused(t *testing.T) {
	for _, c := range []struct{ environ, says string }{
		{"ETCD_HEARTBEAT_INTERVAL=abc", `invalid value "abc" for ETCD_HEARTBEAT_INTERVAL`},
		{"PANDO_STRICT_RECONFIG_CHECK=yes", `invalid value "yes" for PANDO_STRICT_RECONFIG_CHECK`},
		{"ETCD_PEERS=x", "ETCD_PEERS"},
		{"ETCD_LISTEN_CLIENT_URLS=http://a:1", "recognized and used environment variable ETCD_LISTEN_CLIENT_URLS=http://a:1"},
	} {
		t.Run(c.environ, func(t *testing.T) {
			_, err := parse(nil, []string{c.environ})
			ended(t, err, 1, c.says)
		})
	}
}
