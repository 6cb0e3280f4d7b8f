package session_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

func TestColdAndDownIsUnavailableWhateverTheKey(t *testing.T) {
	for _, secret := range []string{shared, own} {
		b := newBench(t, session.Options{Secret: secret})
		b.fail(errDown)
		b.check(t, chat, firstKey, session.ErrUnavailable)
		b.check(t, chat, wrongKey, session.ErrUnavailable)
		if err := b.keys.Check(t.Context(), chat, firstKey); !errors.Is(err, errDown) {
			t.Errorf("Check() = %v, want its cause for the log", err)
		}
		if n := len(b.calls()); n != 1 {
			t.Errorf("%d calls within a second of the failure, want 1", n)
		}
		if b.failed.Load() != 1 || !strings.Contains(b.log.String(), errDown.Error()) {
			t.Errorf("RefreshFailed was called %d times, log %q: want one of each", b.failed.Load(), b.log.String())
		}
	}
}

func TestColdChecksWorkASecondAfterAnOutage(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.fail(errDown)
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.fail(nil)
	b.Advance(time.Second)
	b.check(t, chat, firstKey, nil)
	b.check(t, chat, wrongKey, session.ErrDenied)
}

func TestAKnownKeyServesThroughAnOutageOfStale(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.fail(errDown)
	for elapsed := time.Duration(0); elapsed < 15*time.Minute+48*time.Second; elapsed += 2 * time.Second {
		b.check(t, chat, firstKey, nil)
		b.Advance(2 * time.Second)
	}
	if n := len(b.calls()); n > 1+95 {
		t.Errorf("%d calls in 15:48 of outage, want at most one in 10 s", n)
	}
	b.Advance(12 * time.Second) // TTL and Stale are over, with or without jitter
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.check(t, chat, wrongKey, session.ErrUnavailable)

	b.fail(nil)
	b.Advance(time.Second)
	b.check(t, chat, firstKey, nil)
}

func TestNothingServesAfterTTLWhereStaleIsOff(t *testing.T) {
	b := sharedBench(t, session.Options{Stale: session.Off}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.fail(errDown)
	b.Advance(47 * time.Second)
	b.check(t, chat, firstKey, nil)
	b.Advance(13 * time.Second)
	b.check(t, chat, firstKey, session.ErrUnavailable)
}

func TestNoKeyIsDeniedWhileASecretCannotBeReadAgain(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.put(shared, secondKey)
	b.fail(errDown)
	// The first mismatch finds the outage; those after it do not ask again.
	for range 5 {
		b.check(t, chat, secondKey, session.ErrUnavailable)
		b.check(t, chat, firstKey, nil)
	}
	b.wantCalls(t, askCurrent, askCurrent)
	b.Advance(2 * time.Minute)
	b.check(t, chat, secondKey, session.ErrUnavailable)
	b.fail(nil)
	b.Advance(10 * time.Second)
	b.check(t, chat, secondKey, nil)
	b.check(t, chat, wrongKey, session.ErrDenied)
}

func TestWrongKeysDoNotBecomeCallsInAnOutage(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.check(t, chat, secondKey, nil)
	b.fail(errDown)
	b.calls()
	for range 30 {
		for range 100 {
			b.check(t, chat, wrongKey, session.ErrUnavailable)
		}
		if calls := b.calls(); len(calls) > 2 { // one for each version
			t.Errorf("100 wrong keys made %d calls: %q", len(calls), calls)
		}
		b.Advance(10 * time.Second)
	}
}

func TestAPreviousVersionServesThroughAnOutageWithinItsWindow(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.check(t, chat, firstKey, nil)
	b.fail(errDown)
	b.Advance(4 * time.Minute)
	b.check(t, chat, firstKey, nil)
	b.Advance(time.Minute)
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.check(t, chat, secondKey, nil)
}

func TestAnOutageOfOneSecretLeavesOthersAlone(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	b.put("conversations/one/session-key", firstKey)
	b.put("conversations/two/session-key", secondKey)
	b.fail(errDown)
	b.check(t, "one", firstKey, session.ErrUnavailable)
	b.fail(nil)
	b.check(t, "two", secondKey, nil)
	b.check(t, "one", firstKey, session.ErrUnavailable) // asked again after a second only
}
