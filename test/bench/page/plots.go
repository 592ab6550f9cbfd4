package page

import (
	"bytes"
	"image/color"
	"math"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	// The format that plots are written in registers itself.
	_ "gonum.org/v1/plot/vg/vgsvg"

	"pando/test/bench/record"
)

// The size of a plot; names of its lines stand in a strip to the right.
const width, height, margin, names = 18 * vg.Centimeter, 9 * vg.Centimeter, vg.Length(8), 4 * vg.Centimeter

func init() { plot.DefaultFont = font.Font{Typeface: "Liberation", Variant: "Sans"} }

// colors are those of the subjects in their order: Pando's, that of etcd 3.4, further ones. They differ in lightness too.
var colors = []color.Color{
	color.RGBA{0x00, 0x6d, 0x5b, 0xff}, color.RGBA{0xd9, 0x5f, 0x02, 0xff}, color.RGBA{0x75, 0x70, 0xb3, 0xff}, color.RGBA{0x99, 0x99, 0x99, 0xff},
}

// axis is how one axis of a plot shows its numbers. The library takes room above a plot for a label of the vertical axis that is not short.
type axis struct {
	label string
	ticks plot.Ticker
	log   bool
}

// line is one line of a plot.
type line struct {
	name    string
	points  [][2]float64
	subject int
	dots    bool // drawn where it was measured, since there is nothing between
	faint   bool
}

// draw writes a plot to a file, or removes the file if there is nothing to show; it reports whether there is.
func drawPlot(file, title string, x, y axis, lines []line) (bool, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text, p.Y.Label.Text = title, x.label, y.label
	p.Title.TextStyle.Font.Size, p.Title.Padding = vg.Points(12), vg.Points(6)
	p.X.Tick.Marker, p.Y.Tick.Marker = x.ticks, y.ticks
	legend := plot.NewLegend()
	legend.Top, legend.Left, legend.Padding = true, true, vg.Points(3)
	legend.TextStyle.Font.Size = vg.Points(10)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{0xe0}, color.Gray{0xe0}
	p.Add(grid)
	any := false
	for _, l := range lines {
		points := xys(l.points, x.log, y.log)
		if len(points) == 0 {
			continue
		}
		any = true
		if err := l.add(p, &legend, points); err != nil {
			return false, err
		}
	}
	if !any {
		err := os.Remove(file)
		if os.IsNotExist(err) {
			err = nil
		}
		return false, err
	}
	if x.log {
		p.X.Scale = plot.LogScale{}
	}
	if y.log {
		p.Y.Scale = plot.LogScale{}
		p.Y.Min, p.Y.Max = decade(p.Y.Min, math.Floor), decade(p.Y.Max, math.Ceil)
	} else {
		p.Y.Min = 0
	}
	canvas, err := draw.NewFormattedCanvas(width, height, "svg")
	if err != nil {
		return false, err
	}
	all := draw.New(canvas)
	all.SetColor(color.White)
	all.Fill(all.Rectangle.Path())
	p.Draw(draw.Crop(all, margin, -names, margin, -margin))
	legend.Draw(draw.Crop(all, width-names+2*margin, 0, 0, -4*margin))
	var b bytes.Buffer
	if _, err := canvas.WriteTo(&b); err != nil {
		return false, err
	}
	// Readers without that font are to have one like it.
	svg := bytes.ReplaceAll(b.Bytes(), []byte("font-family:Liberation Sans"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif"))
	return true, os.WriteFile(file, svg, 0o644)
}

// decade is the power of ten next to v.
func decade(v float64, to func(float64) float64) float64 { return math.Pow(10, to(math.Log10(v))) }

// xys leaves out what a logarithmic axis cannot show.
func xys(points [][2]float64, logX, logY bool) plotter.XYs {
	var all plotter.XYs
	for _, p := range points {
		if logX && p[0] <= 0 || logY && p[1] <= 0 {
			continue
		}
		all = append(all, plotter.XY{X: p[0], Y: p[1]})
	}
	return all
}

func (l line) add(p *plot.Plot, legend *plot.Legend, points plotter.XYs) error {
	drawn, err := plotter.NewLine(points)
	if err != nil {
		return err
	}
	drawn.Color, drawn.Width = colors[l.subject%len(colors)], vg.Points(1.6)
	if l.faint {
		drawn.Width, drawn.Dashes = vg.Points(0.8), []vg.Length{vg.Points(2), vg.Points(2)}
	}
	p.Add(drawn)
	if !l.dots {
		legend.Add(l.name, drawn)
		return nil
	}
	dots, err := plotter.NewScatter(points)
	if err != nil {
		return err
	}
	dots.GlyphStyle = draw.GlyphStyle{Color: drawn.Color, Radius: vg.Points(2.5), Shape: draw.CircleGlyph{}}
	p.Add(dots)
	legend.Add(l.name, drawn, dots)
	return nil
}

// decades are ticks at the powers of ten, and smaller ones between them.
type decades struct{ show unit }

func (d decades) Ticks(least, most float64) []plot.Tick {
	var all []plot.Tick
	for power := decade(least, math.Floor); power <= most; power *= 10 {
		for i := 1.0; i < 10; i++ {
			tick := plot.Tick{Value: i * power}
			if i == 1 {
				tick.Label = d.show.short(power)
			}
			if tick.Value >= least*0.999 && tick.Value <= most*1.001 {
				all = append(all, tick)
			}
		}
	}
	return all
}

// numbers are ticks as the library places them, in a unit.
type numbers struct{ show unit }

func (n numbers) Ticks(least, most float64) []plot.Tick {
	all := plot.DefaultTicks{}.Ticks(least, most)
	for i, t := range all {
		if t.Label != "" {
			all[i].Label = n.show.short(t.Value)
		}
	}
	return all
}

// nines are ticks where one request in 2, 10, 100, … is slower.
type nines struct{}

func (nines) Ticks(_, most float64) []plot.Tick {
	all := []plot.Tick{{Value: 1, Label: "0 %"}, {Value: 2, Label: "50 %"}}
	for i, label := range []string{"90 %", "99 %", "99.9 %", "99.99 %", "99.999 %"} {
		if v := math.Pow10(i + 1); v <= most*1.001 {
			all = append(all, plot.Tick{Value: v, Label: label})
		}
	}
	return all
}

// plots draws all there is to draw below dir. It returns the names of the files that there are.
func (v *view) plots(dir string) (map[string]bool, error) {
	there := map[string]bool{}
	one := func(name, title string, x, y axis, lines []line) error {
		drawn, err := drawPlot(filepath.Join(dir, name+".svg"), title, x, y, lines)
		there[name] = drawn
		return err
	}
	latency := axis{"latency", decades{microseconds}, true}
	for _, l := range loads {
		err := one("latency-"+l.measure, l.name, axis{"requests that are no slower", nines{}, true}, latency, v.byPercentile(l.measure))
		if err != nil {
			return nil, err
		}
	}
	keys := axis{"keys", decades{number}, true}
	clients := axis{"clients", decades{number}, true}
	err := one("memory", "Memory by number of keys, under load", keys, axis{"resident", decades{byteSize}, true}, v.through("keys", "resident-bytes"))
	if err == nil {
		err = one("restart", "Restart by number of keys, until the first answer", keys, axis{"time", decades{microseconds}, true}, v.through("keys", "restart-us"))
	}
	if err == nil {
		err = one("fill", "PUT, 64 connections, second by second while a server is filled", axis{"seconds", numbers{number}, false}, latency, v.bySecond())
	}
	for _, workload := range []string{"get", "put"} {
		title := map[string]string{"get": "GET by number of clients", "put": "PUT by number of clients"}[workload]
		if err == nil {
			err = one("clients-"+workload, title, clients, axis{"requests/s", numbers{number}, false}, v.through("clients-"+workload, "rate"))
		}
	}
	return there, err
}

// byPercentile are the latencies of a load: x is one request in how many is slower.
func (v *view) byPercentile(measure string) []line {
	var all []line
	for i, s := range v.subjects {
		var points [][2]float64
		for _, p := range v.Curve(s, record.Figure{Measure: measure, Value: "p99-us"}, "percentiles") {
			points = append(points, [2]float64{100 / (100 - p[0]), p[1]})
		}
		all = append(all, line{name: s, points: points, subject: i})
	}
	return all
}

// through are the medians of a figure by the numbers that its measure went through.
func (v *view) through(measure, value string) []line {
	var all []line
	for i, s := range v.subjects {
		var points [][2]float64
		for _, at := range v.Ats(measure) {
			if found := v.Spread(s, record.Figure{Measure: measure, Value: value, At: at}); found.Rounds > 0 {
				points = append(points, [2]float64{float64(at), found.Median})
			}
		}
		all = append(all, line{name: s, points: points, subject: i, dots: true})
	}
	return all
}

// bySecond are the latencies while the fullest server was filled.
func (v *view) bySecond() []line {
	var all []line
	f := v.figure("keys", "p99-us")
	for i, s := range v.subjects {
		all = append(all,
			line{name: s + ", p99", points: v.Curve(s, f, "p99"), subject: i},
			line{name: s + ", max", points: v.Curve(s, f, "max"), subject: i, faint: true})
	}
	return all
}
