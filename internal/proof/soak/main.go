// Command soak uploads for a long time, with many clients at once, while the
// store and the secret store fail at random and session keys rotate. It ends
// with an error if a single answer was untrue, a file was lost or changed,
// something grew without end, or something is left running.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	duration := flag.Duration("duration", 10*time.Minute, "how long to upload")
	clients := flag.Int("clients", 8, "how many clients upload at once")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *duration, *clients); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

// roundTime is how long the clients upload before all that they were told is
// compared with the bucket, which is emptied then: it bounds what a soak needs.
const roundTime = 20 * time.Second

// warmRounds are not compared in memory and goroutines: caches fill in them.
const warmRounds = 2

func run(ctx context.Context, duration time.Duration, clients int) error {
	dir, err := os.MkdirTemp("", "upload-files-soak-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := start(ctx, dir)
	if err != nil {
		return err
	}
	defer s.close()
	var first, last usage
	begun := time.Now()
	for n := 0; n <= warmRounds || time.Since(begun) < duration && ctx.Err() == nil; n++ {
		r := newRound(s, n)
		r.upload(ctx, min(roundTime, max(duration-time.Since(begun), time.Second)), clients)
		if err := r.verify(context.WithoutCancel(ctx)); err != nil {
			return err
		}
		last = measure()
		if n <= warmRounds {
			first = last
		}
		fmt.Printf("%6s  %s  %s\n", time.Since(begun).Round(time.Second), r, last)
	}
	fmt.Printf("\nin all  %s\n        %s at first, %s at last\n", &s.total, first, last)
	return errors.Join(s.judge(), grown(first, last), s.closeAndCount())
}
