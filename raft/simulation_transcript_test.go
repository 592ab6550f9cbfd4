package raft

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"testing/cryptotest"
	"time"

	"github.com/cockroachdb/datadriven"

	"pando/fsys"
)

// TestTranscripts runs the stories in testdata: what members of a simulation do, told by
// themselves; -rewrite writes them anew. Nothing goes wrong in them but what the story says.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d stories, %v", len(files), err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			cryptotest.SetGlobalRandom(t, 1)
			tr := &transcript{shown: map[string]bool{}}
			datadriven.RunTest(t, path, func(t *testing.T, d *datadriven.TestData) string {
				return tr.run(t, d)
			})
			if v := tr.s.check.violation; v != "" {
				t.Error(v)
			}
		})
	}
}

type transcript struct {
	s     *simulation
	shown map[string]bool // types of messages
}

// run carries out a line of a story. Commands with a member name it first: "crash 1".
func (tr *transcript) run(t *testing.T, d *datadriven.TestData) string {
	if d.Cmd == "cluster" {
		members := 3
		d.MaybeScanArgs(t, "members", &members)
		rng := rand.New(rand.NewPCG(1, 0))
		plan := calm(rng, members)
		d.MaybeScanArgs(t, "keep", &plan.keepEntries)
		tr.s = newSimulation(rng, plan)
		for _, m := range tr.s.members {
			m.start()
		}
		tr.s.until(4*time.Second, func() bool { return false }) // until they live by the rules of Pandos
		tr.comeToRest(t, d)
		tr.lead(t, d)
		tr.s.trace.told = tr.s.trace.text.Len()
		return fmt.Sprintf("member %d leads\n", tr.s.leader().id)
	}
	if d.Cmd == "show" {
		clear(tr.shown)
		for _, a := range d.CmdArgs {
			tr.shown[a.Key] = true
		}
		return ""
	}
	if do, ok := storyLines[d.Cmd]; ok {
		do(tr, t, d)
	} else {
		d.Fatalf(t, "no such command")
	}
	return tr.s.trace.story(tr.shown)
}

// lead makes the member lead that the line names.
func (tr *transcript) lead(t *testing.T, d *datadriven.TestData) {
	var id uint64
	if d.MaybeScanArgs(t, "leader", &id); id == 0 {
		return
	}
	if m := tr.s.leader(); m.id != id {
		m.node.loop.rn.TransferLeader(id)
		tr.s.until(2*time.Second, func() bool { return false })
		tr.comeToRest(t, d)
	}
}

// arg is a member in a line.
func (tr *transcript) arg(t *testing.T, d *datadriven.TestData, n int) *simMember {
	var id uint64
	if n >= len(d.CmdArgs) {
		d.Fatalf(t, "a member is missing")
	}
	if _, err := fmt.Sscan(d.CmdArgs[n].Key, &id); err != nil || tr.s.member(id) == nil {
		d.Fatalf(t, "%q is no member", d.CmdArgs[n].Key)
	}
	return tr.s.member(id)
}

func (tr *transcript) comeToRest(t *testing.T, d *datadriven.TestData) {
	tr.s.comeToRest("in the story")
	if v := tr.s.check.violation; v != "" {
		d.Fatalf(t, "%s\n%s", v, tr.s.trace.tail(40))
	}
}

var storyLines = map[string]func(tr *transcript, t *testing.T, d *datadriven.TestData){
	"run": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		var ms int
		d.ScanArgs(t, "ms", &ms)
		tr.s.until(time.Duration(ms)*time.Millisecond, func() bool { return false })
	},
	"rest": func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.comeToRest(t, d) },
	"crash": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		tr.arg(t, d, 0).crash(d.HasArg("power"))
	},
	"start":  func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.arg(t, d, 0).start() },
	"stop":   func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.arg(t, d, 0).stop() },
	"pause":  func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.arg(t, d, 0).pause() },
	"resume": func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.arg(t, d, 0).resume() },
	"wipe": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		m := tr.arg(t, d, 0)
		m.disk, m.wiped = fsys.NewMemory(), true
	},
	"slow": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		d.ScanArgs(t, "times", &tr.arg(t, d, 0).slow)
	},
	"isolate": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		var ids []uint64
		for n := range d.CmdArgs {
			ids = append(ids, tr.arg(t, d, n).id)
		}
		tr.s.isolate(ids)
	},
	"cut": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		tr.s.net.cut[[2]uint64{tr.arg(t, d, 0).id, tr.arg(t, d, 1).id}] = true
	},
	"heal": func(tr *transcript, _ *testing.T, _ *datadriven.TestData) { clear(tr.s.net.cut) },
	"write": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		times := 1
		d.MaybeScanArgs(t, "times", &times)
		for range times {
			tr.s.write(tr.arg(t, d, 0), 7*time.Second, func(bool) {})
		}
	},
	"read": func(tr *transcript, t *testing.T, d *datadriven.TestData) { tr.s.read(tr.arg(t, d, 0), func() {}) },
	"hand-over": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		m := tr.arg(t, d, 0)
		m.ask(func() { m.node.loop.transfer(0) })
	},
	"lost": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		m, of := tr.arg(t, d, 0), tr.arg(t, d, 1)
		m.ask(func() { m.node.loop.connectionLost(of.id) })
	},
	"add": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		kind := AddLearner
		if d.HasArg("voter") {
			kind = AddVoter
		}
		tr.s.change(tr.arg(t, d, 0), kind, tr.s.newMember(nil).id, func(error) {})
	},
	"remove": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		tr.s.change(tr.arg(t, d, 0), RemoveMember, tr.arg(t, d, 1).id, func(error) {})
	},
	"publish": func(tr *transcript, t *testing.T, d *datadriven.TestData) {
		m, level := tr.arg(t, d, 0), 0
		d.ScanArgs(t, "level", &level)
		tr.s.lastID++
		tr.s.propose(m, tr.s.lastID, simPublish(tr.s.lastID, m.id, level), 7*time.Second, func(bool) {})
	},
}
