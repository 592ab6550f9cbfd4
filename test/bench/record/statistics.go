package record

import (
	"cmp"
	"maps"
	"slices"
)

// Spread is what the rounds of one figure have in common and how far they are apart.
type Spread struct {
	Median, Least, Most float64
	Rounds              int // 0: nothing was measured
}

// SpreadOf sums up figures of one kind.
func SpreadOf(all []float64) Spread {
	if len(all) == 0 {
		return Spread{}
	}
	s := slices.Sorted(slices.Values(all))
	middle := len(s) / 2
	median := s[middle]
	if len(s)%2 == 0 {
		median = (s[middle-1] + s[middle]) / 2
	}
	return Spread{Median: median, Least: s[0], Most: s[len(s)-1], Rounds: len(s)}
}

// Figure names one figure: of a measure at a place on its way, by its name in Sample.Values.
type Figure struct {
	Measure, Value string
	At             int
}

// Rounds are the figure's values for a subject by round.
func (r *Record) Rounds(subject string, f Figure) map[int]float64 {
	all := map[int]float64{}
	for _, s := range r.Samples {
		if s.Measure == f.Measure && s.Subject == subject && s.At == f.At {
			if v, ok := s.Values[f.Value]; ok {
				all[s.Round] = v
			}
		}
	}
	return all
}

// Spread is the figure's, for a subject.
func (r *Record) Spread(subject string, f Figure) Spread {
	return SpreadOf(slices.Collect(maps.Values(r.Rounds(subject, f))))
}

// Ratio is how many times larger the figure is for one subject than for another one, round by round: what else the machine
// did at the time falls on both.
func (r *Record) Ratio(of, to string, f Figure) Spread {
	var all []float64
	below := r.Rounds(to, f)
	for round, v := range r.Rounds(of, f) {
		if w := below[round]; w > 0 {
			all = append(all, v/w)
		}
	}
	return SpreadOf(all)
}

// Ats are the places that a measure went through, in order.
func (r *Record) Ats(measure string) []int {
	seen := map[int]bool{}
	for _, s := range r.Samples {
		if s.Measure == measure {
			seen[s.At] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// Curve is a subject's curve. It is of one round, the one whose figure is the median, because the median of curves is
// none that happened; nil if there is none.
func (r *Record) Curve(subject string, f Figure, curve string) [][2]float64 {
	var all []Sample
	for _, s := range r.Samples {
		if s.Measure == f.Measure && s.Subject == subject && s.At == f.At && len(s.Curves[curve]) > 0 {
			all = append(all, s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b Sample) int { return cmp.Compare(a.Values[f.Value], b.Values[f.Value]) })
	return all[(len(all)-1)/2].Curves[curve]
}

// Failures are the samples of turns that failed.
func (r *Record) Failures() []Sample {
	var all []Sample
	for _, s := range r.Samples {
		if s.Failed != "" {
			all = append(all, s)
		}
	}
	return all
}
