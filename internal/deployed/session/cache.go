package session

import (
	"container/list"
	"context"
	"sync"
	"time"
)

// cache holds what is known of secrets, within bounds that strangers cannot move:
// a secret that no key has matched goes before one that a key has, and a
// conversation that has no secret takes the place of another such only.
type cache struct {
	size int // entries in each of the lists

	mu      sync.Mutex
	entries map[string]*entry
	known   *list.List // of entries with a secret; in front, the one matched last
	unknown *list.List // of the others; in front, the newest
	misses  bucket
}

func newCache(size, misses int) *cache {
	return &cache{
		size:    size,
		entries: map[string]*entry{},
		known:   list.New(),
		unknown: list.New(),
		misses:  bucket{size: float64(misses), level: float64(misses)},
	}
}

// take gives the entry of a secret. It stays in the cache until it is put back.
func (c *cache) take(id string) *entry {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.entries[id]
	if e == nil {
		e = &entry{id: id, flight: make(chan struct{}, 1)}
		c.entries[id] = e
	}
	e.users++
	return e
}

// put gives back an entry, and the misses that were paid for if they led to a
// match after all.
func (c *cache) put(e *entry, matched bool, spent int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e.users--
	c.file(e)
	if matched {
		c.misses.give(spent)
		if e.list == c.known {
			c.known.MoveToFront(e.element)
		}
	}
	c.evict(c.known)
	c.evict(c.unknown)
}

// file puts an entry on its list. A secret goes to the end of the known ones: it
// has to be matched to displace one that was.
func (c *cache) file(e *entry) {
	known, asked := e.state()
	if !asked {
		if e.users == 0 {
			delete(c.entries, e.id)
		}
		return
	}
	home := c.unknown
	if known {
		home = c.known
	}
	if e.list == home {
		return
	}
	if e.list != nil {
		e.list.Remove(e.element)
	}
	e.list = home
	if known {
		e.element = home.PushBack(e)
	} else {
		e.element = home.PushFront(e)
	}
}

// evict drops entries from the end of a list. One that is in use stays until it
// is put back, so that no secret ever has two entries.
func (c *cache) evict(l *list.List) {
	for element := l.Back(); element != nil && l.Len() > c.size; {
		e := element.Value.(*entry)
		element = element.Prev()
		if e.users == 0 {
			l.Remove(e.element)
			delete(c.entries, e.id)
		}
	}
}

// pay takes one miss, if there is one left.
func (c *cache) pay(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.misses.take(now)
}

// An entry is what is known of one secret.
type entry struct {
	id     string
	flight chan struct{} // full while a call is made

	// Of the cache, and guarded by its mutex.
	users   int
	list    *list.List
	element *list.Element

	mu    sync.Mutex
	begun int // calls, counted

	// Written with mu, by the one whose call is in flight.
	current  slot
	previous slot      // belongs to the current version
	forced   time.Time // when the last call ended that a mismatch had forced
}

// A slot is what is known of one stage of a secret. The zero value is nothing.
type slot struct {
	secret *secret   // nil where there is none
	due    time.Time // no call before
	until  time.Time // the secret is not used from then on
	err    error     // what the failure of the last call means for a Check; nil where it did not fail
	call   int       // which call brought this
}

func (s slot) usable(now time.Time) *secret {
	if !now.Before(s.until) {
		return nil
	}
	return s.secret
}

// board waits until no other call for the entry is in flight.
func (e *entry) board(ctx context.Context) error {
	select {
	case e.flight <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (e *entry) leave() { <-e.flight }

// begin numbers a call before it is made.
func (e *entry) begin() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.begun++
	return e.begun
}

func (e *entry) callsBegun() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.begun
}

// store keeps what a call brought. The previous version that is known belongs to
// the current one, and goes with it.
func (e *entry) store(c *call, next slot, now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c.stage == stagePrevious {
		e.previous = next
		return
	}
	if !next.secret.sameVersion(e.current.secret) {
		e.previous = slot{}
	}
	e.current = next
	if c.forced {
		e.forced = now
	}
}

// state tells whether there is a secret, and whether a call has ever told.
func (e *entry) state() (known, asked bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.current.secret != nil, !e.current.due.IsZero()
}

// bucket holds misses: it is full at first, and what is taken comes back over a
// minute.
type bucket struct {
	size, level float64
	filled      time.Time
}

func (b *bucket) take(now time.Time) bool {
	if since := now.Sub(b.filled); since > 0 {
		b.level = min(b.size, b.level+b.size*since.Minutes())
		b.filled = now
	}
	if b.level < 1 {
		return false
	}
	b.level--
	return true
}

func (b *bucket) give(n int) { b.level = min(b.size, b.level+float64(n)) }
