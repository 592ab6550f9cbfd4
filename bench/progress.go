package bench

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/schollz/progressbar/v3"
)

const (
	drawEvery = 200 * time.Millisecond
	barWidth  = 40
)

// bar is the progress bar of clients at work. One goroutine uses it.
type bar struct {
	work *work
	bar  *progressbar.ProgressBar // nil: nobody looks
	last int64                    // requests when it was drawn last
	at   time.Time
}

// newBar is a bar of requests, if they are counted, or of time.
func newBar(w *work) *bar {
	b := &bar{work: w, at: time.Now()}
	if w.run.progress == nil {
		return b
	}
	total := w.pace.count
	if total == 0 {
		total = int64(w.pace.length)
	}
	if total == 0 {
		total = -1 // until Ctrl-C
	}
	b.bar = progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w.run.progress), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(barWidth),
		progressbar.OptionSetDescription(w.what), progressbar.OptionSetElapsedTime(true), progressbar.OptionSetPredictTime(true),
	)
	return b
}

// draw brings the bar up to date.
func (b *bar) draw() {
	if b.bar == nil {
		return
	}
	now, requests := time.Now(), b.work.pace.next.Load()
	perSecond := float64(requests-b.last) / now.Sub(b.at).Seconds()
	b.last, b.at = requests, now
	b.bar.Describe(fmt.Sprintf("%s, %s/s", b.work.what, humanize.Comma(int64(perSecond))))
	done := requests
	if p := b.work.pace; p.count == 0 && p.length > 0 {
		done = int64(now.Sub(p.start))
	}
	if most := b.bar.GetMax64(); most > 0 {
		done = min(done, most-1) // full, it would end
	}
	_ = b.bar.Set64(done) // the terminal's trouble
}

// finish takes the bar away.
func (b *bar) finish() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}
