package local

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"pando/test/server"
)

// process is one line of the Procfile, or one container.
type process struct {
	name, command string // the command as a shell takes it
	env           []string
}

// runAll starts all processes in a directory that has bin/pando, and returns what ends them as Ctrl-C in their runner does.
func runAll(t *testing.T, dir string, all []process) (stop func()) {
	t.Helper()
	var commands []*exec.Cmd
	for _, p := range all {
		cmd := exec.Command("sh", "-c", "exec "+p.command)
		cmd.Dir, cmd.Env = dir, append(environment(), p.env...)
		log, err := os.Create(filepath.Join(t.TempDir(), "log"))
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stdout, cmd.Stderr = log, log
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		if err := cmd.Start(); err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		t.Cleanup(func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait() // it may have been waited for already
			log.Close()
			if text, err := os.ReadFile(log.Name()); t.Failed() && err == nil {
				t.Logf("%s wrote\n%s", p.name, text)
			}
		})
		commands = append(commands, cmd)
	}
	return func() {
		for _, cmd := range commands {
			_ = cmd.Process.Signal(syscall.SIGTERM)
		}
		for i, cmd := range commands {
			if err := cmd.Wait(); err != nil && err.Error() != "signal: terminated" {
				t.Errorf("%s: %v", all[i].name, err)
			}
		}
	}
}

// environment is that of the test without what a Pando would read.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "PANDO_") || strings.HasPrefix(v, "ETCD") })
}

// checkCluster runs the processes twice on the same data and uses the cluster at its client URLs, each of which a member
// has to advertise.
func checkCluster(t *testing.T, dir string, all []process, clients []string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(server.Build(t), filepath.Join(dir, "bin", "pando")); err != nil {
		t.Fatal(err)
	}
	for _, round := range []string{"first", "second"} {
		stop := runAll(t, dir, all)
		for _, c := range clients {
			await(t, c+"/health", `"true"`)
			await(t, c+"/version", `"etcdcluster":"2`)
		}
		put(t, clients[0]+"/v2/keys/"+round)
		for _, c := range clients {
			await(t, c+"/v2/keys/first?quorum=true", `"value":"x"`)
			for _, other := range clients {
				await(t, c+"/v2/members", `"clientURLs":["`+other+`"]`)
			}
			if n := countMembers(t, c); n != len(clients) {
				t.Errorf("%s lists %d members", c, n)
			}
		}
		stop()
	}
}

func countMembers(t *testing.T, client string) int {
	t.Helper()
	resp, err := http.Get(client + "/v2/members")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var list struct{ Members []any }
	if err := json.Unmarshal(body, &list); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return len(list.Members)
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestProcfile runs the lines of the Procfile as foreman does, where the file says: with bin/pando below.
func TestProcfile(t *testing.T) {
	var all []process
	for _, line := range strings.Split(strings.TrimSpace(read(t, "Procfile")), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name, command, ok := strings.Cut(line, ": ")
		if !ok {
			t.Fatalf("no process: %s", line)
		}
		all = append(all, process{name: name, command: command})
	}
	checkCluster(t, t.TempDir(), all, []string{"http://127.0.0.1:2379", "http://127.0.0.1:22379", "http://127.0.0.1:32379"})
}

// service is a container of docker-compose.yml, as far as it matters here.
type service struct {
	Build       string
	Command     []string
	Environment map[string]string
	Ports       []string
	Volumes     []string
}

// TestCompose runs what docker-compose.yml asks for without Docker: each container is a process on a loopback address of
// its own, which stands for the container's name and for all its interfaces.
func TestCompose(t *testing.T) {
	var file struct {
		Services map[string]service
		Volumes  map[string]any
	}
	if err := yaml.Unmarshal([]byte(read(t, "docker-compose.yml")), &file); err != nil {
		t.Fatal(err)
	}
	names := slices.Sorted(maps.Keys(file.Services))
	var addresses []string // pairs for a Replacer
	for i, name := range names {
		addresses = append(addresses, "//"+name+":", fmt.Sprintf("//127.0.0.%d:", 11+i))
	}
	dir := t.TempDir()
	image := imageOf(t)
	var all []process
	var clients []string
	for i, name := range names {
		s := file.Services[name]
		if s.Build != "." || len(s.Command) > 0 || len(s.Ports) != 1 || len(s.Volumes) != 1 {
			t.Errorf("%s is not what this test knows: %+v", name, s)
		}
		volume, at, _ := strings.Cut(s.Volumes[0], ":")
		if _, declared := file.Volumes[volume]; !declared || at != image.env["PANDO_DATA_DIR"] {
			t.Errorf("%s: volume %q at %q", name, volume, at)
		}
		if _, port, _ := strings.Cut(s.Ports[0], ":"); port != "2379" {
			t.Errorf("%s publishes %q", name, s.Ports)
		}
		own := fmt.Sprintf("//127.0.0.%d:", 11+i)
		here := strings.NewReplacer(append(addresses, "//0.0.0.0:", own, image.env["PANDO_DATA_DIR"], filepath.Join(dir, volume))...)
		p := process{name: name, command: here.Replace("bin/pando " + strings.Join(image.args, " "))}
		env := maps.Clone(image.env)
		maps.Copy(env, s.Environment)
		for k, v := range env {
			p.env = append(p.env, k+"="+here.Replace(v))
		}
		all = append(all, p)
		clients = append(clients, "http:"+own+"2379")
	}
	checkCluster(t, dir, all, clients)
}

// image is what the Dockerfile's image runs.
type image struct {
	env  map[string]string
	args []string
}

var (
	envLine = regexp.MustCompile(`(?m)^ENV (.+)$`)
	cmdLine = regexp.MustCompile(`(?m)^CMD (.+)$`)
)

func imageOf(t *testing.T) image {
	t.Helper()
	text := strings.ReplaceAll(read(t, "Dockerfile"), "\\\n", " ")
	_, text, found := strings.Cut(text, "FROM scratch")
	if !found || !strings.Contains(text, `ENTRYPOINT ["/pando"]`) {
		t.Fatal("the image is not what this test knows")
	}
	i := image{env: map[string]string{}}
	for _, m := range envLine.FindAllStringSubmatch(text, -1) {
		for _, pair := range strings.Fields(m[1]) {
			name, value, _ := strings.Cut(pair, "=")
			i.env[name] = value
		}
	}
	if m := cmdLine.FindStringSubmatch(text); m != nil {
		if err := json.Unmarshal([]byte(m[1]), &i.args); err != nil {
			t.Fatal(err)
		}
	}
	return i
}

// The image alone, without variables or flags, is a member that clients of its host reach at the published port.
func TestImage(t *testing.T) {
	dir, image := t.TempDir(), imageOf(t)
	p := process{name: "pando", command: server.Build(t) + " " + strings.Join(image.args, " ")}
	for k, v := range image.env {
		if k == "PANDO_DATA_DIR" {
			v = filepath.Join(dir, "data")
		}
		p.env = append(p.env, k+"="+v)
	}
	stop := runAll(t, dir, []process{p})
	await(t, "http://localhost:2379/health", `"true"`)
	await(t, "http://localhost:2379/v2/members", `"clientURLs":["http://localhost:2379"]`)
	// A loopback address that a server would not have by listening on localhost: that of another interface, as it were.
	conn, err := net.DialTimeout("tcp", "127.0.0.99:2379", time.Second)
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	stop()
}
