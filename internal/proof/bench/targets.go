package main

import (
	"fmt"
	"math"
)

// target is a promise on a figure of ours.
type target struct {
	promise string
	figure  func(*report) float64
	most    func(*report) float64
}

// The promises of docs/performance.md. Differences under 15 % are noise.
var targets = []target{
	{"start to first poll: at most 0.75 x plain Go's, ms", pollOf("null", "ours"), times(0.75, pollOf("null", "plain Go"))},
	{"first upload, 20 ms to each service, event after the start: at most 1.3 x a warm one, ms", laterOf("far", "ours"), times(1.3, p50Of("far", "ours", "1 KiB"))},
	{"1 KiB, versitygw: at most the floor + 0.3 ms", p50Of("real", "ours", "1 KiB"), plus(0.3, p50Of("real", "floor", "1 KiB"))},
	{"4 MiB, versitygw: at most 1.3 x the floor, ms", p50Of("real", "ours", "4 MiB"), times(1.3, p50Of("real", "floor", "4 MiB"))},
	{"the same, to the floor that gives the same checksum", p50Of("real", "ours", "4 MiB"), times(1.3, p50Of("real", "floor, SHA-256", "4 MiB"))},
	{"4 MiB, null store: at most 1.7 x the floor, ms", p50Of("null", "ours", "4 MiB"), times(1.7, p50Of("null", "floor", "4 MiB"))},
	{"4 MiB, null store, p99: at most 2 x the floor's, ms", p99Of("null", "ours", "4 MiB"), times(2, p99Of("null", "floor", "4 MiB"))},
	{"4 MiB, null store, processor time: at most 1.5 x the floor's, ms", cpuOf("null", "ours", "4 MiB"), times(1.5, cpuOf("null", "floor", "4 MiB"))},
	{"10 x 400 KiB, null store: at most the sequential floor, ms", p50Of("null", "ours", "10 x 400 KiB"), p50Of("null", "floor", "10 x 400 KiB")},
	{"10 x 400 KiB, 20 ms to each service: at most 1.25 x the parallel floor, ms", p50Of("far", "ours", "10 x 400 KiB"), times(1.25, p50Of("far", "floor, parallel", "10 x 400 KiB"))},
	{"peak memory after everything: at most 36 MiB", peakOf("null", "ours"), constant(36)},
	{"binary: under 10 MB", binaryOf("ours"), constant(10)},
}

type figure = func(*report) float64

func pollOf(stage, contender string) figure {
	return func(r *report) float64 { return median(entry(r.Starts, stage+" / "+contender).Poll) }
}

func laterOf(stage, contender string) figure {
	return func(r *report) float64 { return median(entry(r.Starts, stage+" / "+contender).Later) }
}

func p50Of(stage, contender, size string) figure {
	return func(r *report) float64 { return median(entry(r.Warm, stage+" / "+contender+" / "+size).Times) }
}

func p99Of(stage, contender, size string) figure {
	return func(r *report) float64 { return p99(entry(r.Warm, stage+" / "+contender+" / "+size).Times) }
}

func cpuOf(stage, contender, size string) figure {
	return func(r *report) float64 { return median(entry(r.Warm, stage+" / "+contender+" / "+size).CPU) }
}

func peakOf(stage, contender string) figure {
	return func(r *report) float64 { return known(r.Peaks[stage+" / "+contender]) / mebibyte }
}

// binaryOf is in decimal megabytes.
func binaryOf(contender string) figure {
	return func(r *report) float64 { return known(r.Artefacts[contender].Files) / 1e6 }
}

// known is NaN for what was not measured.
func known(n int64) float64 {
	if n == 0 {
		return math.NaN()
	}
	return float64(n)
}

func constant(v float64) figure { return func(*report) float64 { return v } }

func times(factor float64, f figure) figure {
	return func(r *report) float64 { return factor * f(r) }
}

func plus(extra float64, f figure) figure {
	return func(r *report) float64 { return extra + f(r) }
}

// verdicts says of each promise whether it holds, as far as this run tells.
func (r *report) verdicts() table {
	t := table{{"ours", "at most", "is", ""}}
	for _, target := range targets {
		got, most := target.figure(r), target.most(r)
		if math.IsNaN(got) || math.IsNaN(most) {
			continue
		}
		verdict := "holds"
		if got > most {
			verdict = "misses"
		}
		t.add(target.promise, fmt.Sprintf("%.2f", most), fmt.Sprintf("%.2f", got), verdict)
	}
	return t
}
