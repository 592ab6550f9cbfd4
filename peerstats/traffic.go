package peerstats

import "time"

const (
	// window is how many appends a rate is taken over, at most.
	window = 200
	// stale is how long ago the last append may be for a rate to be shown.
	stale = time.Second
)

// traffic counts appends and remembers the last ones in a ring.
type traffic struct {
	count uint64
	last  [window]sample
}

type sample struct {
	at   time.Time
	size int
}

func (t *traffic) add(now time.Time, size int) {
	t.last[t.count%window] = sample{now, size}
	t.count++
}

// at is the traffic as seen now. What is older than a pause is not part of the rate.
func (t *traffic) at(now time.Time) Traffic {
	seen := Traffic{Count: t.count}
	newer, bytes, n := now, 0, 0
	for i := uint64(1); i <= min(t.count, window); i++ {
		s := t.last[(t.count-i)%window]
		if newer.Sub(s.at) > stale {
			break
		}
		newer = s.at
		bytes += s.size
		n++
	}
	if seconds := now.Sub(newer).Seconds(); seconds > 0 {
		seen.Rate = Rate{float64(n) / seconds, float64(bytes) / seconds}
	}
	return seen
}
