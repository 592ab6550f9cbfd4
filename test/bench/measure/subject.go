package measure

import (
	"fmt"
	"os/exec"
	"strings"

	"pando/test/bench/record"
)

// Subject is a program that is measured: Pando, or an etcd that has the v2 API.
type Subject struct {
	record.Subject
	path string
	args []string // what it needs to serve the v2 API as Pando does by default
}

// NewSubject asks a binary what it is. The name is that of the product with the first two numbers of the version; of Pando,
// only the one from the checkout goes without its version.
func NewSubject(path string, checkout bool) (Subject, error) {
	out, err := exec.Command(path, "--version").Output()
	if err != nil {
		return Subject{}, fmt.Errorf("%s --version: %w", path, err)
	}
	said := map[string]string{}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			said[key] = value
		}
	}
	s := Subject{path: path}
	s.Version = fmt.Sprintf("%s (%s)", said["etcd Version"], said["Go Version"])
	if pando, ok := said["Pando Version"]; ok {
		s.Name, s.Version = record.Pando, fmt.Sprintf("%s (%s)", pando, said["Go Version"])
		if !checkout {
			s.Name += " " + pando
		}
		return s, nil
	}
	numbers := strings.SplitN(said["etcd Version"], ".", 3)
	if len(numbers) < 3 || checkout {
		return s, fmt.Errorf("%s is not what was expected, but says\n%s", path, out)
	}
	s.Name = "etcd " + numbers[0] + "." + numbers[1]
	if numbers[0] == "3" {
		s.args = []string{"--enable-v2"}
	}
	return s, nil
}
