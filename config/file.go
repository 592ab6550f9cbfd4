package config

import (
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// sections are the mappings of etcd's configuration file, and what a key in one begins with as a flag.
var sections = map[string]string{
	"client-transport-security": "",
	"peer-transport-security":   "peer-",
}

// parseFile gives flags that neither the command line nor the environment set the value that the configuration file has for them:
// YAML with etcd's key names, which are those of the flags. A list is the same as its elements separated by commas, and a key
// without a value counts as left out. An error names the line.
func (f *flags) parseFile() error {
	name := f.value("config-file")
	if name == "" {
		return nil
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return refuse("%s: cannot read the configuration file: %v", f.from["config-file"], err)
	}
	file := configFile{flags: f, name: name, lines: map[string]int{}}
	var document, another yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(text))
	err = documents.Decode(&document)
	if err == nil {
		err = documents.Decode(&another)
	}
	switch {
	case err == nil:
		return file.refuse(&another, "a second document begins here, and nobody would read it")
	case err != io.EOF:
		return refuse("%s: %s", name, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if document.Kind == 0 || document.Content[0].Tag == "!!null" {
		return nil // nothing but comments
	}
	return file.mapping(document.Content[0], "")
}

// configFile is a file that is being read.
type configFile struct {
	*flags
	name  string
	lines map[string]int // of the flags that were set
}

func (f *configFile) refuse(n *yaml.Node, format string, args ...any) error {
	return refuse("%s:%d: %s", f.name, n.Line, fmt.Sprintf(format, args...))
}

// mapping reads the keys of the file or of a section, each with prefix in front.
func (f *configFile) mapping(n *yaml.Node, prefix string) error {
	if n.Kind != yaml.MappingNode {
		return f.refuse(n, "there should be keys and values here, as in \"name: one\"")
	}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		for value.Kind == yaml.AliasNode {
			value = value.Alias
		}
		var err error
		switch below, section := sections[key.Value]; {
		case !section || prefix != "":
			err = f.set(key, value, prefix+key.Value)
		case value.Tag != "!!null":
			err = f.mapping(value, below)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// set gives a flag its value.
func (f *configFile) set(key, value *yaml.Node, name string) error {
	fl := f.all.Lookup(name)
	switch {
	case fl == nil || name == "version" || name == "config-file":
		return f.refuse(key, "%q is no setting; pando --help lists them", key.Value)
	case f.lines[name] > 0:
		return f.refuse(key, "%q is set a second time, after line %d", key.Value, f.lines[name])
	}
	f.lines[name] = key.Line
	text, err := f.text(value)
	if err != nil || text == "" {
		return err
	}
	if by := f.from[name]; by != "" {
		f.info("%s:%d: %s is not used: shadowed by %s", f.name, key.Line, key.Value, by)
		return nil
	}
	return f.setText(fl, key, text)
}

func (f *configFile) setText(fl *flag.Flag, key *yaml.Node, text string) error {
	if err := fl.Value.Set(text); err != nil {
		return f.refuse(key, "invalid value %q for %s: %v", text, key.Value, err)
	}
	f.from[fl.Name] = fmt.Sprintf("%s (%s:%d)", key.Value, f.name, key.Line)
	return nil
}

// text is a value as the command line would have it.
func (f *configFile) text(n *yaml.Node) (string, error) {
	switch {
	case n.Tag == "!!null":
		return "", nil
	case n.Kind == yaml.ScalarNode:
		return n.Value, nil
	case n.Kind != yaml.SequenceNode:
		return "", f.refuse(n, "there should be a single value or a list here")
	}
	var all []string
	for _, e := range n.Content {
		if e.Kind != yaml.ScalarNode {
			return "", f.refuse(e, "there should be a single value here")
		}
		all = append(all, e.Value)
	}
	return strings.Join(all, ","), nil
}
