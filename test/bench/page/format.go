package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"pando/test/bench/record"
)

// unit writes a figure for readers.
type unit func(float64) string

// digits writes a number with three digits that count, and thousands in groups.
func digits(v float64) string {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	decimals := max(0, 2-int(math.Floor(math.Log10(math.Abs(v)))))
	text := strconv.FormatFloat(v, 'f', decimals, 64)
	whole, fraction, broken := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if broken {
		whole += "." + fraction
	}
	return whole
}

// scaled picks the largest of the names that leaves a number of 1 at least; each stands for a thousand of the one before.
func scaled(v float64, names ...string) string {
	i := 0
	for ; i < len(names)-1 && v >= 999.5; i++ {
		v /= 1000
	}
	return digits(v) + " " + names[i]
}

func microseconds(v float64) string { return scaled(v, "µs", "ms", "s") }
func seconds(v float64) string      { return microseconds(v * 1e6) }
func byteSize(v float64) string     { return scaled(v, "B", "KB", "MB", "GB") }
func percent(v float64) string      { return digits(v) + " %" }
func times(v float64) string        { return digits(v) + "x" }

// count writes a whole number.
func count(v float64) string { return digits(math.Round(v)) }

// spread writes a figure with the range of its rounds, "–" if there is none.
func spread(s record.Spread, u unit) string {
	switch s.Rounds {
	case 0:
		return "–"
	case 1:
		return u(s.Median)
	}
	return fmt.Sprintf("%s (%s – %s)", u(s.Median), u(s.Least), u(s.Most))
}

// table is one of Markdown.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{[][]string{head}} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String leaves out the columns that are empty in each row but the first.
func (t *table) String() string {
	var b strings.Builder
	for i, row := range t.rows {
		b.WriteByte('|')
		for column, cell := range row {
			if column == 0 || t.used(column) {
				fmt.Fprintf(&b, " %s |", cell)
			}
		}
		b.WriteByte('\n')
		if i == 0 {
			b.WriteString("|---|")
			for column := range row[1:] {
				if t.used(column + 1) {
					b.WriteString("---:|")
				}
			}
			b.WriteByte('\n')
		}
	}
	return b.String()
}

func (t *table) used(column int) bool {
	for _, row := range t.rows[1:] {
		if row[column] != "" && row[column] != "–" {
			return true
		}
	}
	return false
}
