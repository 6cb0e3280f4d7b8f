package session

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"
)

// A lookup is one Check on its way.
type lookup struct {
	*Keys
	entry *entry
	seen  int  // the last call for the entry that began before this lookup did
	spent int  // misses paid for
	early bool // no request waits for it yet
}

// check goes from what is at hand to what costs a call, and stops at the first
// version that the claim fits.
func (l *lookup) check(ctx context.Context, c claim) error {
	for _, step := range [...]func(*lookup, context.Context) error{
		(*lookup).current, (*lookup).previous, (*lookup).refresh, (*lookup).previous,
	} {
		if err := step(l, ctx); err != nil {
			return err
		}
		if l.accepts(c) {
			return nil
		}
	}
	return l.mismatch()
}

// current sees to it that there is a current version.
func (l *lookup) current(ctx context.Context) error {
	if err := l.fetch(ctx, &currentCall); err != nil {
		return err
	}
	return l.unusable()
}

// previous sees to it that the previous version is known, while it counts.
func (l *lookup) previous(ctx context.Context) error { return l.fetch(ctx, &previousCall) }

// refresh reads the current version again for a claim that does not fit what is
// at hand: its key may be newer.
func (l *lookup) refresh(ctx context.Context) error {
	if err := l.fetch(ctx, &refreshCall); err != nil {
		return err
	}
	return l.unusable()
}

// A call is one to Secrets that a lookup may have to make. Its conditions are
// asked with the entry locked.
type call struct {
	stage  string
	forced bool // by a mismatch
	due    func(*lookup, time.Time) bool
	// free holds where the call is not one of the misses that are limited; nil
	// means never.
	free func(*lookup, time.Time) bool
}

var (
	currentCall  = call{stage: stageCurrent, due: (*lookup).currentDue, free: (*lookup).usable}
	previousCall = call{stage: stagePrevious, due: (*lookup).previousDue}
	refreshCall  = call{stage: stageCurrent, due: (*lookup).refreshDue, forced: true}
)

func (l *lookup) currentDue(now time.Time) bool { return !now.Before(l.entry.current.due) }

func (l *lookup) previousDue(now time.Time) bool {
	return l.inWindow(now) && !now.Before(l.entry.previous.due)
}

// refreshDue holds where what is at hand may be older than this lookup, and the
// last forced call is long enough ago. After a failure, currentDue decides.
func (l *lookup) refreshDue(now time.Time) bool {
	current := l.entry.current
	return current.err == nil && current.call <= l.seen && !now.Before(l.entry.forced.Add(l.o.Refresh))
}

func (l *lookup) usable(now time.Time) bool { return l.entry.current.usable(now) != nil }

// inWindow holds while the previous version is accepted. Clocks differ, so that
// the current version may seem to come from the future, but not from far.
func (l *lookup) inWindow(now time.Time) bool {
	current := l.entry.current.usable(now)
	return current != nil && now.Sub(current.created).Abs() < l.o.PreviousWindow
}

// accepts compares the claim with every version that counts.
func (l *lookup) accepts(c claim) bool {
	matches := 0
	for _, s := range l.versions() {
		if s != nil {
			matches |= s.accepts(c)
		}
	}
	return matches == 1
}

func (l *lookup) versions() (versions [2]*secret) {
	now := l.o.Now()
	l.entry.mu.Lock()
	defer l.entry.mu.Unlock()
	versions[0] = l.entry.current.usable(now)
	if l.inWindow(now) {
		versions[1] = l.entry.previous.usable(now)
	}
	return versions
}

// unusable says why there is no current version, or nil where there is one.
func (l *lookup) unusable() error {
	now := l.o.Now()
	l.entry.mu.Lock()
	defer l.entry.mu.Unlock()
	if l.usable(now) {
		return nil
	}
	if err := l.entry.current.err; err != nil {
		return err
	}
	return errTooOld
}

// mismatch is the answer to a claim that fits no version. Where a version could
// not be read, nobody can tell whether it would have been that one.
func (l *lookup) mismatch() error {
	now := l.o.Now()
	l.entry.mu.Lock()
	defer l.entry.mu.Unlock()
	if err := l.entry.current.err; err != nil {
		return err
	}
	if err := l.entry.previous.err; err != nil && l.inWindow(now) {
		return err
	}
	return errWrongKey
}

// fetch makes a call if it is due. An entry has one call in flight; a lookup that
// waited for another's asks again whether its own is still due. A call that ends
// with its own lookup leaves no trace, and the next in line makes it. Nor does one
// that failed before a request needed it: the process may have been frozen during
// it, so that its signature was too old when it arrived.
func (l *lookup) fetch(ctx context.Context, c *call) error {
	if !l.holds(c.due) {
		return nil
	}
	if err := l.entry.board(ctx); err != nil {
		return unavailable(err)
	}
	defer l.entry.leave()
	if !l.holds(c.due) {
		return nil
	}
	if !l.pay(c) {
		return errTooManyMisses
	}
	number := l.entry.begin()
	version, err := l.secrets.Get(ctx, l.entry.id, c.stage)
	switch {
	case err != nil && ctx.Err() != nil:
		return unavailable(ctx.Err())
	case err != nil && l.early:
		return unavailable(err)
	}
	next := l.next(ctx, c, version, err)
	next.call = number
	l.entry.store(c, next, l.o.Now())
	return nil
}

func (l *lookup) holds(condition func(*lookup, time.Time) bool) bool {
	now := l.o.Now()
	l.entry.mu.Lock()
	defer l.entry.mu.Unlock()
	return condition(l, now)
}

// pay counts a call as a miss, until it has led to a match. The calls for the one
// secret of all conversations are not counted, nor those that keep a known secret
// fresh: time bounds both.
func (l *lookup) pay(c *call) bool {
	if !l.perConversation() || c.free != nil && l.holds(c.free) {
		return true
	}
	if !l.cache.pay(l.o.Now()) {
		return false
	}
	l.spent++
	return true
}

// next is what is known of a stage after a call for it.
func (l *lookup) next(ctx context.Context, c *call, v Version, err error) slot {
	var read *secret
	if err == nil {
		read, err = parseVersion(v)
	}
	if c.stage == stagePrevious {
		return l.nextPrevious(ctx, read, err)
	}
	return l.nextCurrent(ctx, read, err)
}

func parseVersion(v Version) (*secret, error) {
	read, err := parseSecret(v.Value)
	if err != nil {
		return nil, err
	}
	read.id, read.created = v.ID, v.Created
	return read, nil
}

func (l *lookup) nextCurrent(ctx context.Context, read *secret, err error) slot {
	switch {
	case err == nil:
		return l.fresh(read)
	case errors.Is(err, ErrNoSecret) && l.perConversation():
		return slot{due: l.o.Now().Add(l.o.Negative), err: errNoConversation}
	case errors.Is(err, ErrNoSecret), errors.Is(err, ErrMalformed):
		// An answer, not an outage: the value of before is no longer the secret's.
		l.failed(ctx, stageCurrent, err)
		return slot{due: l.o.Now().Add(l.o.Refresh), err: unavailable(err)}
	}
	l.failed(ctx, stageCurrent, err)
	return l.outage(l.entry.current, err, coldRetry)
}

// nextPrevious is next for the previous version. There may be none, and one that
// no key could match is as good as none.
func (l *lookup) nextPrevious(ctx context.Context, read *secret, err error) slot {
	if errors.Is(err, ErrNoSecret) {
		return l.fresh(nil)
	}
	if err != nil {
		l.failed(ctx, stagePrevious, err)
	}
	if err == nil || errors.Is(err, ErrMalformed) {
		return l.fresh(read)
	}
	return l.outage(l.entry.previous, err, l.o.Refresh)
}

func (l *lookup) fresh(read *secret) slot {
	due := l.o.Now().Add(l.o.TTL - rand.N(l.o.TTL/5))
	return slot{secret: read, due: due, until: due.Add(l.o.Stale)}
}

// outage keeps what was known, and says when to try again: later where something
// is known, since a call that fails may last as long as [Secrets] lets it.
func (l *lookup) outage(old slot, err error, cold time.Duration) slot {
	now := l.o.Now()
	old.err = unavailable(err)
	old.due = now.Add(cold)
	if old.usable(now) != nil {
		old.due = now.Add(l.o.Refresh)
	}
	return old
}

func (l *lookup) failed(ctx context.Context, stage string, err error) {
	l.o.RefreshFailed()
	l.o.Log.LogAttrs(ctx, slog.LevelWarn, "secret refresh failed",
		slog.String("secret", l.entry.id), slog.String("stage", stage), slog.String("cause", err.Error()))
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
