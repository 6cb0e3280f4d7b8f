package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"time"

	"uploadfiles/internal/proof/bench/load"
)

// bench measures contenders that are ready.
type bench struct {
	workshop   workshop
	contenders []ready
	sizes      []load.Size
	events     map[string]*event // by the name of the size
	strangers  *event            // with another session key
	scale      float64           // of all counts
	order      *rand.Rand
	uploads    int // so far: each goes to a conversation of its own
	report     report
}

// ready is a contender with its program.
type ready struct {
	contender
	program program
}

// counts are the invocations of each size at the null store.
var counts = map[string]int{"1 KiB": 320, "1 MiB": 160, "4 MiB": 100, "10 x 400 KiB": 100}

const (
	rounds  = 10 // each contender has its turn this often
	warmups = 3  // invocations of each size before any is measured
)

// firstSize is the size of the first upload after a start.
var firstSize = load.Sizes[0]

func newBench(w workshop, sizes []load.Size, scale float64) (*bench, error) {
	b := &bench{workshop: w, sizes: sizes, scale: scale, events: map[string]*event{}, order: rand.New(rand.NewPCG(1, 2)), report: newReport()}
	for _, size := range append([]load.Size{firstSize}, sizes...) {
		var err error
		if b.events[size.Name], err = newEvent(size, sessionKey); err != nil {
			return nil, err
		}
	}
	var err error
	b.strangers, err = newEvent(firstSize, "not-"+sessionKey)
	return b, err
}

// scaled is a count for this run, at least one.
func (b *bench) scaled(n float64) int { return max(1, int(math.Round(n*b.scale))) }

// run measures all contenders at a stage.
func (b *bench) run(ctx context.Context, s stage) (err error) {
	say("Measuring: %s.", s.Title)
	e, err := s.open(ctx, b.workshop)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	if err := b.measureStarts(ctx, s, e); err != nil {
		return err
	}
	return b.measureWarm(ctx, s, e)
}

func (b *bench) start(ctx context.Context, e *environment, c ready) (*process, error) {
	p, err := startProcess(ctx, c.program, e.env, filepath.Join(b.workshop.dir, "log", c.name+".log"))
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", c.name, err)
	}
	return p, nil
}

// pause is how long after the first poll a later first event comes.
const pause = 250 * time.Millisecond

// measureStarts starts each contender many times. Every second first event waits
// for the poll, as on Lambda when a request has caused the start; the others
// come later, as where the process was started in advance.
func (b *bench) measureStarts(ctx context.Context, s stage, e *environment) error {
	if s.starts == 0 {
		return nil
	}
	for i := range 2 * b.scaled(float64(s.starts)) {
		for _, c := range b.shuffled() {
			if err := b.measureStart(ctx, s, e, c, i%2 == 1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (b *bench) measureStart(ctx context.Context, s stage, e *environment, c ready, later bool) (err error) {
	p, err := b.start(ctx, e, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	result := b.report.start(s, c.name)
	result.Poll = append(result.Poll, milliseconds(p.start))
	if c.idle {
		return nil
	}
	if later {
		time.Sleep(pause)
	}
	took, _, err := b.invoke(ctx, c, p, firstSize)
	if later {
		result.Later = append(result.Later, milliseconds(took))
	} else {
		result.First = append(result.First, milliseconds(took))
	}
	return err
}

// shuffled are the contenders in another order each time.
func (b *bench) shuffled() []ready {
	shuffled := make([]ready, len(b.contenders))
	for i, j := range b.order.Perm(len(shuffled)) {
		shuffled[i] = b.contenders[j]
	}
	return shuffled
}

// measureWarm takes one process of each contender through all sizes.
func (b *bench) measureWarm(ctx context.Context, s stage, e *environment) (err error) {
	running := map[string]*process{}
	defer func() {
		for _, p := range running {
			err = errors.Join(err, p.stop())
		}
	}()
	for _, c := range b.contenders {
		if c.idle {
			continue
		}
		if running[c.name], err = b.start(ctx, e, c); err != nil {
			delete(running, c.name)
			return err
		}
		if err := b.warmUp(ctx, e, c, running[c.name]); err != nil {
			return err
		}
	}
	for _, size := range b.sizes {
		for range rounds {
			for _, c := range b.shuffled() {
				if p := running[c.name]; p != nil {
					if err := b.measureBlock(ctx, s, e, c, p, size); err != nil {
						return err
					}
				}
			}
		}
	}
	return b.measurePeaks(s, running)
}

// warmUp also proves that the contender does the job: what arrives is what was
// sent, and a wrong key is refused.
func (b *bench) warmUp(ctx context.Context, e *environment, c ready, p *process) error {
	for _, size := range b.sizes {
		for i := range warmups {
			e.null.Keep(i == 0)
			_, done, err := b.invoke(ctx, c, p, size)
			if err != nil {
				return err
			}
			if err := b.checkStored(ctx, e, done, i == 0); err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
		}
	}
	e.null.Keep(false)
	if c.order != nil {
		return nil
	}
	return b.refuse(ctx, c, p)
}

func (b *bench) refuse(ctx context.Context, c ready, p *process) error {
	answer, _, err := p.invoke(ctx, b.strangers.to(load.Conversation(0)))
	if err == nil {
		_, err = bodyOf(answer, http.StatusUnauthorized)
	}
	if err != nil {
		return fmt.Errorf("%s, asked with a wrong session key: %w", c.name, err)
	}
	return nil
}

// done is an upload with the URLs that it got.
type done struct {
	upload
	urls []string
}

// checkStored looks at all of an upload's files in a real store, and at those in
// the null store if that has kept them.
func (b *bench) checkStored(ctx context.Context, e *environment, d done, kept bool) error {
	switch {
	case e.store != nil:
		return d.checkReal(ctx, e, d.urls)
	case kept:
		return d.checkNull(e)
	}
	return nil
}

// invoke uploads once and checks the answer.
func (b *bench) invoke(ctx context.Context, c ready, p *process, size load.Size) (time.Duration, done, error) {
	b.uploads++
	u := upload{size: size, conversation: load.Conversation(b.uploads), linked: c.order == nil}
	event, err := b.eventFor(c, u)
	if err != nil {
		return 0, done{}, err
	}
	answer, took, err := p.invoke(ctx, event)
	if err != nil {
		return 0, done{}, fmt.Errorf("%s, %s: %w", c.name, size.Name, err)
	}
	urls, err := u.check(answer)
	if err != nil {
		return 0, done{}, fmt.Errorf("%s, %s: %w", c.name, size.Name, err)
	}
	return took, done{u, urls}, nil
}

// measureBlock is one turn of a contender.
func (b *bench) measureBlock(ctx context.Context, s stage, e *environment, c ready, p *process, size load.Size) error {
	n := b.scaled(float64(counts[size.Name]) * s.effort / rounds)
	puts := e.null.Puts()
	before, err := p.cpu()
	if err != nil {
		return err
	}
	result := b.report.warm(s, c.name, size.Name)
	var uploads []done
	for range n {
		took, d, err := b.invoke(ctx, c, p, size)
		if err != nil {
			return err
		}
		result.Times = append(result.Times, milliseconds(took))
		uploads = append(uploads, d)
	}
	after, err := p.cpu()
	if err != nil {
		return err
	}
	result.CPU = append(result.CPU, milliseconds(after-before)/float64(n))
	if got, want := e.null.Puts()-puts, int64(n*size.Files); e.store == nil && got != want {
		return fmt.Errorf("%s, %s: %w", c.name, size.Name, wrong("%d objects were put, not %d", got, want))
	}
	for _, d := range uploads {
		if err := b.checkStored(ctx, e, d, false); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

func (b *bench) measurePeaks(s stage, running map[string]*process) error {
	for name, p := range running {
		peak, err := p.peak()
		if err != nil {
			return err
		}
		b.report.peak(s, name, peak)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
