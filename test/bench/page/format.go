package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"pando/test/bench/record"
)

// unit is the names of a unit, each of which stands for a thousand of the one before.
type unit []string

var (
	microseconds = unit{" µs", " ms", " s"}
	byteSize     = unit{" B", " KB", " MB", " GB"}
	percent      = unit{" %"}
	times        = unit{"x"}
	number       = unit{""}
)

// name picks the name for v, and how many of the smallest it stands for.
func (u unit) name(v float64) (name string, each float64) {
	i, each := 0, 1.0
	for ; i < len(u)-1 && v/each >= 999.5; i++ {
		each *= 1000
	}
	return u[i], each
}

// text writes a figure for readers, with three digits that count.
func (u unit) text(v float64) string {
	name, each := u.name(v)
	return digits(v/each) + name
}

// short is text without zeros at the end, for what is no measured figure.
func (u unit) short(v float64) string {
	name, each := u.name(v)
	return grouped(strconv.FormatFloat(v/each, 'f', -1, 64)) + name
}

// spread writes a figure with the range of its rounds, "–" if there is none.
func (u unit) spread(s record.Spread) string {
	switch s.Rounds {
	case 0:
		return "–"
	case 1:
		return u.text(s.Median)
	}
	name, each := u.name(s.Median)
	return fmt.Sprintf("%s%s (%s–%s)", digits(s.Median/each), name, digits(s.Least/each), digits(s.Most/each))
}

// digits writes a number with three digits that count.
func digits(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 2, 64), 64)
	if err != nil || rounded == 0 || math.IsNaN(rounded) || math.IsInf(rounded, 0) {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return grouped(strconv.FormatFloat(v, 'f', max(0, 2-int(math.Floor(math.Log10(math.Abs(rounded))))), 64))
}

// grouped sets thousands apart.
func grouped(number string) string {
	whole, fraction, broken := strings.Cut(number, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if broken {
		whole += "." + fraction
	}
	return whole
}

// table is one of Markdown.
type table struct{ rows [][]string }

func newTable(head ...string) *table { return &table{[][]string{head}} }

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String leaves out the columns that are empty in each row but the first; a table without such rows is nothing.
func (t *table) String() string {
	if len(t.rows) == 1 {
		return ""
	}
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
