package session_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

const (
	shared = "upload-files/session-key"
	own    = "conversations/{conversation_id}/session-key"
	chat   = "abc123"

	firstKey  = "first-QzXjWvKpByGfM"
	secondKey = "second-QzXjWvKpByGfM"
	thirdKey  = "third-QzXjWvKpByGfM"
	wrongKey  = "wrong-QzXjWvKpByGfM"
)

var errDown = errors.New("connection refused")

// clock is a time that stands still until it is moved.
type clock struct{ nanos atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.nanos.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return c
}

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanos.Load()) }
func (c *clock) Advance(d time.Duration) { c.nanos.Add(int64(d)) }

// vault is a working store of secrets, with the rules that session.Secrets may
// rely on and those that it must keep: no stage but two, no call while another
// for the same secret runs.
type vault struct {
	t   testing.TB
	now func() time.Time

	mu       sync.Mutex
	secrets  map[string]*stages
	made     int
	asked    []string // "AWSCURRENT name", in order
	inFlight map[string]bool
	// hook runs in each call before it is answered, and may fail it; nil means
	// that no call fails.
	hook func(ctx context.Context, id, stage string) error
}

type stages struct{ current, previous, pending *session.Version }

func newVault(t testing.TB, now func() time.Time) *vault {
	return &vault{t: t, now: now, secrets: map[string]*stages{}, inFlight: map[string]bool{}}
}

func (v *vault) version(value string) *session.Version {
	v.made++
	return &session.Version{ID: fmt.Sprintf("version-%d", v.made), Value: value, Created: v.now()}
}

// put makes value the current version, as PutSecretValue does.
func (v *vault) put(id, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.secrets[id] == nil {
		v.secrets[id] = &stages{}
	}
	s := v.secrets[id]
	s.current, s.previous = v.version(value), s.current
}

// pend makes value the version that a rotation has not finished.
func (v *vault) pend(id, value string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.secrets[id].pending = v.version(value)
}

// swap moves AWSCURRENT back to the previous version, and AWSPREVIOUS with it, as
// UpdateSecretVersionStage does.
func (v *vault) swap(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.secrets[id]
	s.current, s.previous = s.previous, s.current
}

func (v *vault) remove(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.secrets, id)
}

func (v *vault) onCall(hook func(ctx context.Context, id, stage string) error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.hook = hook
}

func (v *vault) fail(err error) {
	v.onCall(func(context.Context, string, string) error { return err })
}

func (v *vault) Get(ctx context.Context, id, stage string) (session.Version, error) {
	hook := v.enter(id, stage)
	defer v.exit(id)
	if hook != nil {
		if err := hook(ctx, id, stage); err != nil {
			return session.Version{}, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.secrets[id]
	if s == nil {
		return session.Version{}, fmt.Errorf("%w: %s", session.ErrNoSecret, id)
	}
	found := map[string]*session.Version{"AWSCURRENT": s.current, "AWSPREVIOUS": s.previous}[stage]
	if found == nil {
		return session.Version{}, fmt.Errorf("%w: %s has no %s", session.ErrNoSecret, id, stage)
	}
	return *found, nil
}

func (v *vault) enter(id, stage string) func(context.Context, string, string) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if stage != "AWSCURRENT" && stage != "AWSPREVIOUS" {
		v.t.Errorf("Get(%q) with stage %q", id, stage)
	}
	if v.inFlight[id] {
		v.t.Errorf("Get(%q) while another call for it is in flight", id)
	}
	v.inFlight[id] = true
	v.asked = append(v.asked, stage+" "+id)
	return v.hook
}

func (v *vault) exit(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.inFlight, id)
}

// calls gives the calls since the last time, and forgets them.
func (v *vault) calls() []string {
	v.mu.Lock()
	defer v.mu.Unlock()
	calls := v.asked
	v.asked = nil
	return calls
}

func (v *vault) wantCalls(t testing.TB, want ...string) {
	t.Helper()
	if got := v.calls(); strings.Join(got, ", ") != strings.Join(want, ", ") {
		t.Errorf("calls = %q, want %q", got, want)
	}
}

// bench is a Keys with all that surrounds it.
type bench struct {
	*vault
	*clock
	keys   *session.Keys
	failed atomic.Int32 // refreshes, as RefreshFailed counts them
	log    bytes.Buffer
}

// newBench makes Keys over an empty vault. The options keep their defaults where
// they are not set.
func newBench(t testing.TB, o session.Options) *bench {
	b := &bench{clock: newClock()}
	b.vault = newVault(t, b.clock.Now)
	o.Now = b.clock.Now
	o.RefreshFailed = func() { b.failed.Add(1) }
	o.Log = slog.New(slog.NewJSONHandler(&b.log, nil))
	b.keys = session.New(b.vault, o)
	return b
}

// sharedBench holds one key for all conversations, made long ago.
func sharedBench(t testing.TB, o session.Options, value string) *bench {
	o.Secret = shared
	b := newBench(t, o)
	b.put(shared, value)
	b.Advance(24 * time.Hour)
	return b
}

// check checks a key against what should come of it: nil, ErrDenied or
// ErrUnavailable.
func (b *bench) check(t testing.TB, conversation, key string, want error) {
	t.Helper()
	err := b.keys.Check(t.Context(), conversation, key)
	if !errors.Is(err, want) {
		t.Errorf("Check(%q, %q) = %v, want %v", conversation, key, err, want)
	}
	if errors.Is(err, session.ErrDenied) && errors.Is(err, session.ErrUnavailable) {
		t.Errorf("Check(%q, %q) = %v: two answers at once", conversation, key, err)
	}
}
