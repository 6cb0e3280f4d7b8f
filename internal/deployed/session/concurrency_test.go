package session_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"uploadfiles/internal/deployed/session"
)

// slowVault answers after a second, or as soon as the context ends.
func slowVault(t *testing.T) *vault {
	v := newVault(t, time.Now)
	v.onCall(func(ctx context.Context, _, _ string) error {
		select {
		case <-time.After(time.Second):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return v
}

// checks runs n checks at once and gives their errors.
func checks(ctx context.Context, n int, keys *session.Keys, conversation, key string) []error {
	results := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { results[i] = keys.Check(ctx, conversation, key) })
	}
	wg.Wait()
	return results
}

func TestParallelColdChecksShareOneCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		v.put(shared, firstKey)
		keys := session.New(v, session.Options{Secret: shared})
		start := time.Now()
		for _, err := range checks(t.Context(), 50, keys, chat, firstKey) {
			if err != nil {
				t.Errorf("Check() = %v, want nil", err)
			}
		}
		v.wantCalls(t, askCurrent)
		if took := time.Since(start); took != time.Second {
			t.Errorf("50 checks took %v, want the second of one call", took)
		}
	})
}

func TestParallelColdChecksShareOneFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		slow := v.hook
		v.onCall(func(ctx context.Context, id, stage string) error {
			return errors.Join(slow(ctx, id, stage), errDown)
		})
		keys := session.New(v, session.Options{Secret: shared})
		for _, err := range checks(t.Context(), 50, keys, chat, firstKey) {
			if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, errDown) {
				t.Errorf("Check() = %v, want ErrUnavailable and its cause", err)
			}
		}
		v.wantCalls(t, askCurrent)
	})
}

func TestParallelChecksOfARotatedKeyShareOneRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		v.put(shared, firstKey)
		keys := session.New(v, session.Options{Secret: shared, PreviousWindow: session.Off})
		checks(t.Context(), 1, keys, chat, firstKey)
		v.put(shared, secondKey)
		v.calls()
		for _, err := range checks(t.Context(), 50, keys, chat, secondKey) {
			if err != nil {
				t.Errorf("Check() = %v, want nil", err)
			}
		}
		v.wantCalls(t, askCurrent)
	})
}

func TestConversationsDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		keys := session.New(v, session.Options{Secret: own})
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 20 {
			conversation := fmt.Sprintf("c%d", i)
			v.put(secretOf(conversation), firstKey)
			wg.Go(func() {
				if err := keys.Check(t.Context(), conversation, firstKey); err != nil {
					t.Errorf("Check(%q) = %v, want nil", conversation, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != time.Second {
			t.Errorf("20 conversations took %v, want the second of one call", took)
		}
	})
}

func TestACancelledCheckFailsNoOther(t *testing.T) {
	for _, test := range []struct{ name, known, key string }{
		{"that waits for the first call", "", firstKey},
		{"that waits for a refresh", secondKey, firstKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := slowVault(t)
				keys := session.New(v, session.Options{Secret: shared, PreviousWindow: session.Off})
				if test.known != "" {
					v.put(shared, test.known)
					checks(t.Context(), 1, keys, chat, test.known)
				}
				v.put(shared, test.key)
				v.calls()

				leader, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				var wg sync.WaitGroup
				wg.Go(func() {
					if err := keys.Check(leader, chat, test.key); !errors.Is(err, session.ErrUnavailable) {
						t.Errorf("Check() of the cancelled = %v, want ErrUnavailable", err)
					}
				})
				synctest.Wait() // its call is in flight
				for _, err := range checks(t.Context(), 10, keys, chat, test.key) {
					if err != nil {
						t.Errorf("Check() of another = %v, want nil", err)
					}
				}
				wg.Wait()
				v.wantCalls(t, askCurrent, askCurrent)
			})
		})
	}
}

func TestACheckThatWaitsEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		v.put(shared, firstKey)
		keys := session.New(v, session.Options{Secret: shared})
		var wg sync.WaitGroup
		wg.Go(func() {
			if err := keys.Check(t.Context(), chat, firstKey); err != nil {
				t.Errorf("Check() of the first = %v, want nil", err)
			}
		})
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		err := keys.Check(ctx, chat, firstKey)
		if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Check() = %v, want ErrUnavailable and DeadlineExceeded", err)
		}
		if took := time.Since(start); took != 300*time.Millisecond {
			t.Errorf("Check() took %v, want 300ms", took)
		}
		wg.Wait()
		v.wantCalls(t, askCurrent)
	})
}

func TestAStoreThatHangsIsUnavailableAtTheDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVault(t, time.Now)
		v.put(shared, firstKey)
		v.onCall(func(ctx context.Context, _, _ string) error {
			<-ctx.Done()
			return ctx.Err()
		})
		keys := session.New(v, session.Options{Secret: shared})
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		start := time.Now()
		for _, err := range checks(ctx, 20, keys, chat, firstKey) {
			if !errors.Is(err, session.ErrUnavailable) {
				t.Errorf("Check() = %v, want ErrUnavailable", err)
			}
		}
		if took := time.Since(start); took != 2*time.Second {
			t.Errorf("checks took %v, want 2s", took)
		}
	})
}

func TestAPanicOfTheStoreLeavesTheKeysUsable(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.onCall(func(context.Context, string, string) error { panic("store") })
	func() {
		defer func() { _ = recover() }()
		_ = b.keys.Check(t.Context(), chat, firstKey)
		t.Error("Check() swallowed a panic")
	}()
	b.fail(nil)
	b.check(t, chat, firstKey, nil)
}

func TestNothingRunsOnAfterTheLastCheck(t *testing.T) {
	before := runtime.NumGoroutine()
	b := newBench(t, session.Options{Secret: own})
	for i := range 50 {
		b.check(t, fmt.Sprintf("c%d", i), firstKey, session.ErrDenied)
	}
	if after := runtime.NumGoroutine(); after > before {
		t.Errorf("%d goroutines after 50 checks, %d before", after, before)
	}
}

// TestNoWrongAnswerUnderLoad rotates, deletes and breaks secrets while many
// goroutines check keys. A key that never was a conversation's must never open
// it, one that is and stays its current key must never be denied.
func TestNoWrongAnswerUnderLoad(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Entries: 3, Misses: 1e6, Refresh: time.Nanosecond})
	steady := func(i int) string { return fmt.Sprintf("steady-key-of-c%d-0123456789", i) }
	for i := range 4 {
		b.put(secretOf(fmt.Sprintf("c%d", i)), steady(i))
	}
	b.onCall(func(context.Context, string, string) error {
		runtime.Gosched()
		if rand.N(10) == 0 {
			return errDown
		}
		return nil
	})
	var opened atomic.Int32
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 500 {
				i := rand.N(4)
				conversation := fmt.Sprintf("c%d", i)
				switch err := b.keys.Check(t.Context(), conversation, steady(i)); {
				case err == nil:
					opened.Add(1)
				case errors.Is(err, session.ErrDenied):
					t.Errorf("Check(%q, its key) = %v", conversation, err)
				}
				if err := b.keys.Check(t.Context(), conversation, steady((i+1)%4)); err == nil {
					t.Errorf("Check(%q, key of another) = nil", conversation)
				}
				_ = b.keys.Check(t.Context(), "rotating", steady(i))
				b.Advance(time.Duration(rand.N(int64(time.Second))))
			}
		})
	}
	wg.Go(func() {
		for i := range 500 {
			b.put(secretOf("rotating"), steady(i%4))
			if i%50 == 0 {
				b.remove(secretOf("rotating"))
			}
			runtime.Gosched()
		}
	})
	wg.Wait()
	if opened.Load() == 0 {
		t.Error("no check opened anything")
	}
	if known, unknown, all := b.keys.Remembered(); known > 3 || unknown > 3 || all > 6 {
		t.Errorf("Remembered() = %d, %d, %d, want at most 3, 3, 6", known, unknown, all)
	}
}
