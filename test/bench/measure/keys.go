package measure

import (
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"pando/test/server"
)

// keys is the measure of what grows with the number of keys: it fills a fresh server, which shows its memory and the latency
// while snapshots run, and restarts it. The fullest one also shows what a reader of the whole tree costs a writer,
// and what a request costs compared to one to a server with the fewest keys.
func keys(b *Bench, ctx context.Context, name string) {
	for _, n := range b.Form.Keys {
		full := n == b.Form.Keys[len(b.Form.Keys)-1]
		b.inTurns(ctx, name, n, b.Form.Fills, func(t *turn) figures {
			s, found := t.filled(n)
			t.kept = found
			if full {
				t.settle(s)
				t.kept = t.kept.with(t.besideReader(s))
				t.kept = t.kept.with(t.bySize(s, n))
			}
			return t.kept.with(t.restart(s, n))
		})
	}
}

// filled starts a server and fills it with n keys.
func (t *turn) filled(n int) (*server.Server, figures) {
	s := t.start()
	most := mostResident(s)
	l := t.load(fillPatience, []*server.Server{s}, "fill", "--clients", fmt.Sprint(busy), "--keys", fmt.Sprint(n))
	resident := most()
	return s, l.figures().with(l.bySecond()).with(figures{values: map[string]float64{
		"resident-bytes": resident, "key-bytes": resident / float64(n),
	}})
}

// besideReader is the longest that one writer waits while somebody reads the whole tree again and again, and while nobody does.
func (t *turn) besideReader(s *server.Server) figures {
	d := t.bench.Form.Duration
	alone := t.during(d, []*server.Server{s}, "put", 1, "--prefix", "/beside")
	stop := t.reading(s)
	// Long enough for the slowest to send a million keys once.
	beside := t.during(3*d, []*server.Server{s}, "put", 1, "--prefix", "/beside")
	reads, err := stop()
	if err != nil {
		t.Fatal(err)
	}
	return figures{values: map[string]float64{
		"alone-max-us": alone.Latency.Max, "beside-reader-max-us": beside.Latency.Max, "whole-reads": float64(reads),
	}}
}

// reading reads the whole tree again and again until it is told to stop, which returns how often it did.
func (t *turn) reading(s *server.Server) (stop func() (reads int, err error)) {
	ctx, cancel := context.WithCancel(t.ctx)
	var reader sync.WaitGroup
	var reads int
	var failed error
	reader.Go(func() {
		for ; ctx.Err() == nil; reads++ {
			if failed = readWhole(ctx, s); failed != nil {
				return
			}
		}
	})
	stop = func() (int, error) {
		cancel()
		reader.Wait()
		if errors.Is(failed, context.Canceled) {
			return reads, nil
		}
		return reads, failed
	}
	t.Cleanup(func() { _, _ = stop() })
	return stop
}

// readWhole reads the whole tree.
func readWhole(ctx context.Context, s *server.Server) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.Endpoint+"/v2/keys/?recursive=true", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the whole tree: %s", resp.Status)
	}
	if _, err = io.Copy(io.Discard, resp.Body); err != nil {
		return fmt.Errorf("the whole tree: %w", err)
	}
	return nil
}

// bySize compares requests to a server with n keys with those to another one with few, in turns: for one key and the same, and
// for all that there are, where more keys are also more memory that the processor's caches do not hold.
func (t *turn) bySize(s *server.Server, n int) figures {
	few := t.bench.Form.Keys[0]
	small, _ := t.filled(few)
	t.settle(small)
	among := func(keys, fewer int) func(workload string, d time.Duration) (with, without load) {
		return func(workload string, d time.Duration) (with, without load) {
			with = t.during(d, []*server.Server{s}, workload, busy, "--keys", fmt.Sprint(keys), "--prepared")
			without = t.during(d, []*server.Server{small}, workload, busy, "--keys", fmt.Sprint(fewer), "--prepared")
			return with, without
		}
	}
	return t.compare("one-key", among(1, 1)).with(t.compare("all-keys", among(n, few)))
}

// compare finds what requests cost with and without something, and in what ratio. take loads either side for a while; they take
// turns, so that what else the machine does falls on both.
func (t *turn) compare(what string, take func(workload string, d time.Duration) (with, without load)) figures {
	found := figures{values: map[string]float64{}}
	for _, workload := range []string{"get", "put"} {
		var with, without cost
		for range t.bench.Form.Turns {
			w, wo := take(workload, t.bench.Form.Duration/time.Duration(t.bench.Form.Turns))
			with.add(w)
			without.add(wo)
		}
		if with.cpu > 0 && without.cpu > 0 {
			name := what + "-" + workload
			found.values[name+"-cpu-us"], found.values[name+"-base-cpu-us"] = with.each(), without.each()
			found.values[name+"-ratio"] = with.each() / without.each()
		}
	}
	return found
}

// cost is what several loads took of the servers' CPU time, in microseconds.
type cost struct{ cpu, requests float64 }

func (c *cost) add(l load) {
	c.cpu += l.cpu() * float64(l.Requests)
	c.requests += float64(l.Requests)
}

func (c cost) each() float64 { return c.cpu / c.requests }

// restart is the time from the start of the process on a directory with n keys to the first answer about one of them.
func (t *turn) restart(s *server.Server, n int) figures {
	const key = "/restart"
	t.put(s, key)
	t.settle(s)
	if err := s.Stop(); err != nil {
		t.Fatal(err)
	}
	read := readAll(t, s.Dir)
	began := time.Now()
	again := server.Launch(t, server.Options{Binary: t.subject.path, Dir: s.Dir, Client: server.FreeAddr(t), Args: t.subject.args})
	for {
		if _, _, err := get(again.Endpoint + "/v2/keys" + key); err == nil {
			break
		}
		if !again.Running() || time.Since(began) > servePatience || t.ctx.Err() != nil {
			t.Fatalf("it did not start again: %s", lastLine(again.Log()))
		}
		time.Sleep(time.Millisecond)
	}
	took := time.Since(began)
	return figures{values: map[string]float64{
		"restart-us": float64(took.Microseconds()), "restart-key-us": float64(took.Microseconds()) / float64(n),
		"restarted-bytes": resident(again), "read-key-us": float64(read.Microseconds()) / float64(n),
	}}
}

// readAll is how long it takes to read the newest snapshot and the log of a data directory, and to compute a CRC of them.
func readAll(t *turn, dir string) time.Duration {
	snaps, err := filepath.Glob(filepath.Join(dir, "member", "snap", "*.snap"))
	if err != nil {
		t.Fatal(err)
	}
	logs, err := filepath.Glob(filepath.Join(dir, "member", "wal", "*.wal"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	crc := crc32.New(crc32.MakeTable(crc32.Castagnoli))
	for _, name := range append(snaps[max(0, len(snaps)-1):], logs...) {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.CopyBuffer(crc, f, make([]byte, 1<<20))
		f.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	return time.Since(began)
}
