package docs

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pando/test/server"
)

// families are what a server serves: by name, the labels that its samples have.
type families map[string]map[string]bool

var (
	sample    = regexp.MustCompile(`^([a-z_]+)(?:\{(.*)\})? `)
	labelName = regexp.MustCompile(`([a-zA-Z_]+)=`)
	// used is a metric in an expression, with its matchers if there are any.
	used = regexp.MustCompile(`\b((?:etcd|pando|process|go)_[a-z0-9_]+)(?:\{([^}]*)\})?`)
)

// target are the labels that Prometheus adds, and those that grouping by them is about.
var target = []string{"job", "instance"}

// name finds the family of a sample's name.
func (f families) name(sample string) (string, bool) {
	for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
		if name, ok := strings.CutSuffix(sample, suffix); ok && f[name] != nil {
			return name, true
		}
	}
	return "", false
}

// scrape uses a server in every way that makes families show, and reads what it serves.
func scrape(t *testing.T) families {
	s := server.Start(t, server.Options{Args: []string{"--snapshot-count", "5"}})
	request := func(method, path, body, contentType string) {
		r, err := http.NewRequest(method, s.Endpoint+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", contentType)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
	}
	for i := range 10 {
		request("PUT", "/v2/keys/a", url.Values{"value": {fmt.Sprint(i)}}.Encode(), "application/x-www-form-urlencoded")
	}
	request("GET", "/v2/keys/a", "", "")
	request("GET", "/v2/keys/none", "", "")
	// A member that never starts is a peer as well.
	request("POST", "/v2/members", `{"peerURLs":["http://127.0.0.1:1"]}`, "application/json")
	for deadline := time.Now().Add(time.Minute); ; {
		f := read(t, s.Endpoint)
		if f["pando_peer_active"] != nil || time.Now().After(deadline) {
			return f
		}
	}
}

func read(t *testing.T, endpoint string) families {
	answer, err := http.Get(endpoint + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	f := families{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); fields[0] == "#" {
			if fields[1] == "TYPE" {
				f[fields[2]] = map[string]bool{}
			}
			continue
		}
		m := sample.FindStringSubmatch(lines.Text())
		if m == nil {
			t.Fatalf("no sample: %s", lines.Text())
		}
		name, ok := f.name(m[1])
		if !ok {
			t.Fatalf("a sample of nothing: %s", lines.Text())
		}
		for _, label := range labelName.FindAllStringSubmatch(m[2], -1) {
			f[name][label[1]] = true
		}
	}
	if lines.Err() != nil && lines.Err() != io.EOF {
		t.Fatal(lines.Err())
	}
	return f
}

// expressions finds the values of all "expr" and "query" keys in a document.
func expressions(document any) []string {
	var all []string
	switch d := document.(type) {
	case map[string]any:
		for key, value := range d {
			if text, ok := value.(string); ok && (key == "expr" || key == "query") {
				all = append(all, text)
			} else {
				all = append(all, expressions(value)...)
			}
		}
	case []any:
		for _, value := range d {
			all = append(all, expressions(value)...)
		}
	}
	return all
}

// TestDashboardAndAlerts: every metric and label that they ask for is served.
func TestDashboardAndAlerts(t *testing.T) {
	served := scrape(t)
	for _, file := range []struct {
		name string
		read func([]byte, any) error
		min  int // expressions in it
	}{{"grafana-dashboard.json", json.Unmarshal, 30}, {"alerts.yml", yaml.Unmarshal, 10}} {
		text, err := os.ReadFile("../../docs/" + file.name)
		if err != nil {
			t.Fatal(err)
		}
		var document any
		if err := file.read(text, &document); err != nil {
			t.Fatalf("%s: %v", file.name, err)
		}
		all := expressions(document)
		if len(all) < file.min {
			t.Errorf("%s: only %d expressions were found", file.name, len(all))
		}
		for _, expression := range all {
			for _, use := range used.FindAllStringSubmatch(expression, -1) {
				name, ok := served.name(use[1])
				if !ok {
					t.Errorf("%s asks for %s, which is not served: %s", file.name, use[1], expression)
					continue
				}
				for _, label := range labelName.FindAllStringSubmatch(use[2], -1) {
					if !served[name][label[1]] && !slices.Contains(target, label[1]) {
						t.Errorf("%s asks for %s by %s, which it does not have: %s", file.name, name, label[1], expression)
					}
				}
			}
		}
	}
	checkTable(t, served)
}

// checkTable: the table in operations.md has what is served, and nothing else.
func checkTable(t *testing.T, served families) {
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Metrics\n")
	section, _, _ = strings.Cut(section, "\n## ")
	documented := map[string]bool{}
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(row[1], -1) {
			documented[name[1]] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(served)) {
		ours := strings.HasPrefix(name, "pando_") || strings.HasPrefix(name, "etcd_") && !strings.HasPrefix(name, "etcd_storage_")
		if ours && !documented[name] {
			t.Errorf("operations.md does not explain %s", name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if served[name] == nil {
			t.Errorf("operations.md explains %s, which is not served", name)
		}
	}
}
