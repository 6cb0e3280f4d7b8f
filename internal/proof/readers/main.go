// Command readers has programs and libraries of many languages read an archive that
// the files function made of files which came by upload-files and straight to S3,
// and compares every byte. It prints what each did, and fails where one fails that
// should not.
//
// What is not on the machine it installs below .local/readers, by the package
// managers that are there; what cannot be had it names. One argument chooses the
// readers whose names contain it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"uploadfiles/internal/local"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "readers:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, stdout io.Writer, args []string) error {
	repository, err := local.Repository()
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "readers")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	archives, err := makeArchives(ctx, filepath.Join(work, "stack"), filepath.Join(work, "archives"))
	if err != nil {
		return err
	}
	shop, err := newWorkshop(filepath.Join(repository, ".local", "readers"))
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(table, "reader\tversion\t%s\t%s\n", archives[0].title, archives[1].title)
	failed := 0
	for _, r := range readers(shop) {
		if len(args) > 0 && !strings.Contains(r.name, args[0]) {
			continue
		}
		if err := r.prepare(ctx); err != nil {
			fmt.Fprintf(table, "%s\tnot to be had: %s\t\t\n", r.name, firstLine(err.Error()))
			continue
		}
		fmt.Fprintf(table, "%s\t%s", r.name, r.versionOf(ctx))
		for i, archive := range archives {
			err := r.read(ctx, archive, filepath.Join(work, "out"))
			switch {
			case err == nil:
				fmt.Fprint(table, "\tright")
			case i > 0 && r.needsSizes:
				fmt.Fprint(table, "\tcannot, as it says itself")
			default:
				failed++
				fmt.Fprintf(table, "\tWRONG: %s", firstLine(err.Error()))
			}
		}
		fmt.Fprintln(table)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return fmt.Errorf("%d archives were not read that should be", failed)
	}
	return nil
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	if runes := []rune(line); len(runes) > 100 {
		line = string(runes[:100]) + "…"
	}
	return strings.ReplaceAll(line, "\t", " ")
}

// errWrong says that a reader did not read what is there.
var errWrong = errors.New("wrong")
