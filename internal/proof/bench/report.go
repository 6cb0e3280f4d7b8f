package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strconv"

	"uploadfiles/internal/proof/bench/load"
)

// report is all that was measured. Times are milliseconds, sizes are bytes.
type report struct {
	Go         string               `json:"go"`
	System     string               `json:"system"`
	CPUs       int                  `json:"cpus"`
	Contenders []string             `json:"contenders"`
	Skipped    map[string]string    `json:"skipped,omitempty"` // and why
	Artefacts  map[string]artefact  `json:"artefacts"`
	Starts     map[string]*startSet `json:"starts"` // by stage and contender
	Warm       map[string]*warmSet  `json:"warm"`   // by stage, contender and size
	Peaks      map[string]int64     `json:"peaks"`  // by stage and contender
}

// startSet is what starts of one contender took.
type startSet struct {
	Poll  []float64 `json:"poll"`  // from the start to the first poll
	First []float64 `json:"first"` // the first upload, whose event waited for the poll
	Later []float64 `json:"later"` // the first upload, a while after the poll
}

// warmSet is what uploads of one size took.
type warmSet struct {
	Times []float64 `json:"times"`
	CPU   []float64 `json:"cpu"` // for one upload, the mean of each turn
}

func newReport() report {
	return report{
		Go: runtime.Version(), System: runtime.GOOS + "/" + runtime.GOARCH, CPUs: runtime.NumCPU(),
		Skipped: map[string]string{}, Artefacts: map[string]artefact{},
		Starts: map[string]*startSet{}, Warm: map[string]*warmSet{}, Peaks: map[string]int64{},
	}
}

func (r *report) start(s stage, contender string) *startSet {
	return entry(r.Starts, s.Key+" / "+contender)
}

func (r *report) warm(s stage, contender, size string) *warmSet {
	return entry(r.Warm, s.Key+" / "+contender+" / "+size)
}

func (r *report) peak(s stage, contender string, bytes int64) {
	r.Peaks[s.Key+" / "+contender] = bytes
}

// entry is the value of a key, which is made if need be.
func entry[V any](m map[string]*V, key string) *V {
	if m[key] == nil {
		m[key] = new(V)
	}
	return m[key]
}

// median and p99 are NaN where nothing was measured.

func median(values []float64) float64 { return quantile(values, 0.5) }

func p99(values []float64) float64 { return quantile(values, 0.99) }

// quantile is the value that this share of the values does not exceed (nearest
// rank).
func quantile(values []float64, share float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

func (r *report) writeJSON(path string) error {
	text, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o600)
}

// write prints the report for people.
func (r *report) write(w io.Writer, measured []stage) error {
	_, err := fmt.Fprintf(w, "%s, %s, %d processors. Ratios are to plain Go at the start, and to the floor after it.\n%s\n",
		r.Go, r.System, r.CPUs, whenBarsHold)
	for name := range r.Skipped {
		_, e := fmt.Fprintf(w, "%s is not measured: it could not be installed, see above.\n", name)
		err = errors.Join(err, e)
	}
	tables := []table{r.artefacts()}
	for _, s := range measured {
		tables = append(tables, r.stage(s)...)
	}
	for _, t := range append(tables, r.verdicts()) {
		if len(t) > 1 {
			_, e := fmt.Fprintln(w)
			err = errors.Join(err, e, t.write(w))
		}
	}
	return err
}

// whenBarsHold keeps a miss on a busy machine from looking like a fault.
const whenBarsHold = "The last table's bars hold in a full run on a quiet machine; a miss in a short run or on a busy one means nothing (docs/performance.md)."

const mebibyte = 1 << 20

func (r *report) artefacts() table {
	t := table{{"deployed", "MiB", "as zip"}}
	for _, c := range r.Contenders {
		a := r.Artefacts[c]
		t.add(c, decimal(float64(a.Files)/mebibyte), decimal(float64(a.Zip)/mebibyte))
	}
	return t
}

func (r *report) stage(s stage) []table {
	return []table{
		r.starts(s),
		r.sizes(s, "p50, ms", func(set *warmSet) float64 { return median(set.Times) }),
		r.sizes(s, "p99, ms", func(set *warmSet) float64 { return p99(set.Times) }),
		r.sizes(s, "processor, ms", func(set *warmSet) float64 { return median(set.CPU) }),
		r.peaks(s),
	}
}

func (r *report) starts(s stage) table {
	t := table{{s.Title + ": start, ms", "to first poll", "first upload, event waiting", "first upload, event later"}}
	base := r.start(s, "plain Go")
	for _, c := range r.Contenders {
		set := r.start(s, c)
		if len(set.Poll) > 0 {
			t.add(c,
				ratio(median(set.Poll), median(base.Poll)),
				ratio(median(set.First), median(base.First)),
				ratio(median(set.Later), median(base.Later)))
		}
	}
	return t
}

// sizes has a column for each size of upload.
func (r *report) sizes(s stage, title string, figure func(*warmSet) float64) table {
	t := table{{s.Title + ": " + title}}
	for _, size := range load.Sizes {
		t[0] = append(t[0], size.Name)
	}
	for _, c := range r.Contenders {
		row := []string{c}
		for _, size := range load.Sizes {
			row = append(row, ratio(figure(r.warm(s, c, size.Name)), figure(r.warm(s, "floor", size.Name))))
		}
		if slices.ContainsFunc(row[1:], func(cell string) bool { return cell != none }) {
			t.add(row...)
		}
	}
	return t
}

func (r *report) peaks(s stage) table {
	t := table{{s.Title + ": peak memory", "MiB"}}
	for _, c := range r.Contenders {
		if peak := r.Peaks[s.Key+" / "+c]; peak > 0 {
			t.add(c, decimal(float64(peak)/mebibyte))
		}
	}
	return t
}

// none stands for what was not measured.
const none = "-"

func decimal(f float64) string { return strconv.FormatFloat(f, 'f', 1, 64) }

// ratio shows a figure and how many times another it is.
func ratio(figure, base float64) string {
	switch {
	case math.IsNaN(figure):
		return none
	case math.IsNaN(base) || base == 0:
		return fmt.Sprintf("%.2f", figure)
	}
	return fmt.Sprintf("%.2f %5.2fx", figure, figure/base)
}
