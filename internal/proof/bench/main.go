// Command bench compares ways to do an upload on Lambda. It plays the Lambda
// Runtime API for the process of each contender, feeds all of them the same
// events against the same services, checks what they answer and store, and
// prints what they take as ratios of one run.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"

	"uploadfiles/internal/proof/bench/load"
	"uploadfiles/internal/proof/bench/roads"
)

// options are what the flags say.
type options struct {
	short      bool
	scale      float64
	contenders string
	stages     string
	sizes      string
	distance   string
	json       string
	variants   []contender
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	o, err := parseFlags(os.Args[1:])
	if err == nil {
		err = run(ctx, o)
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		say("bench: %v", err)
		os.Exit(1)
	}
}

func parseFlags(args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.BoolVar(&o.short, "short", false, "measure next to nothing: show that all of it works")
	flags.Float64Var(&o.scale, "n", 1, "`factor` for the number of invocations and starts")
	flags.StringVar(&o.contenders, "contenders", "", "`names` with semicolons between; empty means all")
	flags.StringVar(&o.stages, "stages", "", "`keys` with commas between (null, null-tls, far, far-tls, real, roads); empty means all")
	flags.StringVar(&o.distance, "distance", "", "`one` of the roads' (HTTP, 0 ms; HTTP, 20 ms; TLS, 0 ms; TLS, 20 ms); empty means all")
	flags.StringVar(&o.sizes, "sizes", "", "`names` of sizes with semicolons between (1 KiB; 1 MiB; 4 MiB; 10 x 400 KiB); empty means all")
	flags.StringVar(&o.json, "json", "", "`file` for all measured values")
	flags.Func("variant", "ours once more, with other settings or in another build: `name: KEY=VALUE ... path`", func(text string) error {
		c, err := variant(text)
		o.variants = append(o.variants, c)
		return err
	})
	err := flags.Parse(args)
	if o.short {
		o.scale = shortScale
	}
	return o, err
}

// shortScale leaves one start, and one invocation in each turn.
const shortScale = 1e-3

func run(ctx context.Context, o options) error {
	// The events and the stores are in this process: its garbage collection
	// should not get into the contenders' figures.
	debug.SetGCPercent(400)
	chosen, err := choose(o.contenders)
	if err != nil {
		return err
	}
	stages, alsoRoads, err := chooseStages(o.stages)
	if err != nil {
		return err
	}
	w, err := openWorkshop()
	if err != nil {
		return err
	}
	if len(stages) > 0 {
		if err := uploads(ctx, w, o, chosen, stages); err != nil {
			return err
		}
	}
	if !alsoRoads {
		return nil
	}
	return measureRoads(ctx, w, o)
}

// uploads measures what an upload takes.
func uploads(ctx context.Context, w workshop, o options, chosen []contender, stages []stage) error {
	sizes, err := chooseSizes(o.sizes)
	if err != nil {
		return err
	}
	b, err := newBench(w, sizes, o.scale)
	if err != nil {
		return err
	}
	if err := b.prepare(ctx, append(chosen, o.variants...)); err != nil {
		return err
	}
	for _, s := range stages {
		if err := b.run(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s.Title, err)
		}
	}
	return b.finish(stages, o.json)
}

// chooseStages also says whether the roads are to be measured.
func chooseStages(keys string) (chosen []stage, alsoRoads bool, err error) {
	if keys == "" {
		return stages, true, nil
	}
	for key := range strings.SplitSeq(keys, ",") {
		i := slices.IndexFunc(stages, func(s stage) bool { return s.Key == key })
		switch {
		case key == "roads":
			alsoRoads = true
		case i < 0:
			return nil, false, fmt.Errorf("no stage %q", key)
		default:
			chosen = append(chosen, stages[i])
		}
	}
	return chosen, alsoRoads, nil
}

// measureRoads measures how files come and go in numbers, and prints it.
func measureRoads(ctx context.Context, w workshop, o options) error {
	log.SetOutput(io.Discard) // net/http's client complains of what S3 servers answer late
	report, err := roads.Run(ctx, roads.Options{Dir: filepath.Join(w.dir, "roads"), Short: o.short, Only: o.distance, Say: say})
	if err != nil {
		return err
	}
	fmt.Println("\nFiles there and back: seconds, the least and the most of all rounds behind")
	if err := append(table{{"way / distance / files / by", "median", "from to"}}, report.Rows()...).write(os.Stdout); err != nil {
		return err
	}
	for name, why := range report.Skipped {
		fmt.Printf("skipped: %s: %s\n", name, why)
	}
	fmt.Println()
	return append(table{{"ratio", "at most", "is", ""}}, report.Promises()...).write(os.Stdout)
}

func chooseSizes(names string) ([]load.Size, error) {
	if names == "" {
		return load.Sizes, nil
	}
	var chosen []load.Size
	for name := range strings.SplitSeq(names, ";") {
		size, err := load.ByName(strings.TrimSpace(name))
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, size)
	}
	return chosen, nil
}

// prepare builds the contenders.
func (b *bench) prepare(ctx context.Context, chosen []contender) error {
	for _, c := range chosen {
		say("Preparing: %s.", c.name)
		p, err := c.prepare(ctx, b.workshop)
		if err != nil && c.optional && ctx.Err() == nil {
			say("%s is skipped: %v", c.name, err)
			b.report.Skipped[c.name] = err.Error()
			continue
		}
		if err != nil {
			return fmt.Errorf("prepare %s: %w", c.name, err)
		}
		if b.report.Artefacts[c.name], err = measureArtefact(p.artefact); err != nil {
			return err
		}
		b.contenders = append(b.contenders, ready{c, p})
		b.report.Contenders = append(b.report.Contenders, c.name)
	}
	return nil
}

func (b *bench) finish(measured []stage, json string) error {
	if err := b.report.write(os.Stdout, measured); err != nil {
		return err
	}
	if json == "" {
		return nil
	}
	return b.report.writeJSON(json)
}
