// Package docs holds the documentation to what the server does.
package docs

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"pando/test/server"
)

// times are what differs from run to run.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z`)

// TestReadme runs the commands of the README.
func TestReadme(t *testing.T) { runCommands(t, "README.md", 10) }

// TestOperations runs those of the page for operators that stand there with what they print.
func TestOperations(t *testing.T) { runCommands(t, "docs/operations.md", 13) }

// runCommands runs the commands of a page one by one against a fresh server and compares what they print with what stands
// there. There are at least as many.
func runCommands(t *testing.T, page string, atLeast int) {
	text, err := os.ReadFile("../../" + page)
	if err != nil {
		t.Fatal(err)
	}
	s := server.Start(t, server.Options{})
	commands := 0
	for _, block := range strings.Split(string(text), "```console\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		for _, one := range strings.Split(block, "$ ")[1:] {
			command, want, _ := strings.Cut(one, "\n")
			commands++
			here := strings.ReplaceAll(command, "http://127.0.0.1:2379", s.Endpoint)
			got, err := exec.Command("bash", "-c", here).CombinedOutput()
			if err != nil {
				t.Errorf("$ %s\n%v", command, err)
			}
			if times.ReplaceAllString(string(got), "TIME") != times.ReplaceAllString(want, "TIME") {
				t.Errorf("$ %s\ngot  %s\nwant %s", command, got, want)
			}
		}
	}
	if commands < atLeast {
		t.Errorf("only %d commands were found", commands)
	}
}
