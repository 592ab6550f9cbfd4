package config

import (
	"flag"
	"fmt"
	"strings"
)

// usage goes to stdout when a flag cannot be read.
const usage = `usage: pando [flags]              start a member
       pando local [flags]        run a cluster of three on this machine, to try it
       pando bench WORKLOAD       put load on a server and measure it
       pando health [flags]       ask whether the server with these flags is healthy
       pando --version            print the version
       pando -h | --help          explain the flags
`

// help is the text of --help: every flag with its default, in the groups of flags.go.
func (f *flags) help() string {
	var b strings.Builder
	b.WriteString(usage)
	b.WriteString("\nEach flag --my-flag can also be given as PANDO_MY_FLAG or, after that, ETCD_MY_FLAG in the environment,\n" +
		"or, after those, as my-flag in the YAML file that --config-file names.\n")
	for _, g := range f.groups {
		fmt.Fprintf(&b, "\n%s:\n", g.title)
		if g.terse {
			b.WriteString(namesOnly(g.set))
			continue
		}
		g.set.VisitAll(func(fl *flag.Flag) { b.WriteString(explain(fl)) })
	}
	return b.String()
}

func explain(fl *flag.Flag) string {
	what, text := flag.UnquoteUsage(fl)
	head := "--" + fl.Name
	if what != "" && what != "value" {
		head += " <" + strings.ToLower(what) + ">"
	}
	if fl.DefValue != "" && fl.DefValue != "false" {
		text += " Default: " + fl.DefValue + "."
	}
	return "  " + head + "\n        " + text + "\n"
}

// namesOnly lists flags that need no explanation, wrapped to the width of a terminal.
func namesOnly(set *flag.FlagSet) string {
	const width = 100
	var b strings.Builder
	column := 0
	set.VisitAll(func(fl *flag.Flag) {
		word := " --" + fl.Name
		if column == 0 || column+len(word) > width {
			if column > 0 {
				b.WriteByte('\n')
			}
			b.WriteByte(' ')
			column = 1
		}
		b.WriteString(word)
		column += len(word)
	})
	b.WriteByte('\n')
	return b.String()
}
