package session_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

const (
	askCurrent  = "AWSCURRENT " + shared
	askPrevious = "AWSPREVIOUS " + shared
)

func TestARotatedKeyWorksAtOnceAndTheOldOneForAWhile(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.wantCalls(t, askCurrent)

	b.put(shared, secondKey)
	b.check(t, chat, secondKey, nil)
	b.wantCalls(t, askCurrent)
	b.check(t, chat, firstKey, nil)
	b.wantCalls(t, askPrevious)

	b.Advance(5*time.Minute - time.Nanosecond)
	b.check(t, chat, firstKey, nil)
	b.Advance(time.Nanosecond)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.check(t, chat, secondKey, nil)
}

func TestAnOldKeyStopsWithinTTLWhereNoPreviousVersionIsAccepted(t *testing.T) {
	b := sharedBench(t, session.Options{PreviousWindow: session.Off}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.put(shared, secondKey)
	b.Advance(time.Minute)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.check(t, chat, secondKey, nil)
	b.wantCalls(t, askCurrent, askCurrent)
}

func TestAnOldKeyStopsAtOnceWhenTheNewOneIsUsedAndNoPreviousIsAccepted(t *testing.T) {
	b := sharedBench(t, session.Options{PreviousWindow: session.Off}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.put(shared, secondKey)
	b.check(t, chat, secondKey, nil)
	b.check(t, chat, firstKey, session.ErrDenied)
}

func TestThePreviousVersionIsAskedForOnlyWhenNeeded(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.check(t, chat, secondKey, nil)
	b.wantCalls(t, askCurrent)
	b.Advance(5 * time.Minute)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.wantCalls(t, askCurrent)
}

func TestARotatedOutKeyIsRefusedByAnEnvironmentThatStartsLater(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.Advance(5 * time.Minute)
	b.check(t, chat, firstKey, session.ErrDenied)
}

func TestAPendingVersionIsNeverAccepted(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.pend(shared, secondKey)
	for range 10 {
		b.check(t, chat, secondKey, session.ErrDenied)
		b.Advance(30 * time.Second)
	}
	b.check(t, chat, firstKey, nil)
}

func TestTwoRotationsShutAKeyOut(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.check(t, chat, firstKey, nil) // as the previous version, which is remembered
	b.put(shared, thirdKey)
	b.check(t, chat, thirdKey, nil)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.check(t, chat, secondKey, nil)
}

func TestAKeyRotatedInAndOutUnseenWorksForAWhile(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.put(shared, secondKey)
	b.put(shared, thirdKey)
	b.check(t, chat, secondKey, nil)
	b.wantCalls(t, askCurrent, askCurrent, askPrevious)
}

func TestARollbackShutsTheNewKeyOut(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.check(t, chat, secondKey, nil)
	b.swap(shared)
	b.check(t, chat, firstKey, nil)
	b.check(t, chat, secondKey, session.ErrDenied) // its successor is old: no window
}

func TestNoPreviousVersionIsAcceptedWhereTheDateOfTheCurrentOneIsUnusable(t *testing.T) {
	for _, test := range []struct {
		name    string
		created func(now time.Time) time.Time
	}{
		{"unknown", func(time.Time) time.Time { return time.Time{} }},
		{"far in the future", func(now time.Time) time.Time { return now.Add(24 * time.Hour) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sharedBench(t, session.Options{}, firstKey)
			b.put(shared, secondKey)
			b.secrets[shared].current.Created = test.created(b.Now())
			b.check(t, chat, firstKey, session.ErrDenied)
			b.wantCalls(t, askCurrent)
		})
	}
}

func TestAMalformedPreviousVersionIsAsGoodAsNone(t *testing.T) {
	b := sharedBench(t, session.Options{}, "{}")
	b.put(shared, secondKey)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.check(t, chat, secondKey, nil)
	if b.failed.Load() != 1 {
		t.Errorf("RefreshFailed was called %d times, want 1", b.failed.Load())
	}
}

func TestAnUnreadablePreviousVersionDeniesNobody(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.onCall(func(_ context.Context, _, stage string) error {
		if stage == "AWSPREVIOUS" {
			return errDown
		}
		return nil
	})
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.check(t, chat, secondKey, nil)
	b.fail(nil)
	b.Advance(10 * time.Second)
	b.check(t, chat, firstKey, nil)
}

func TestAnUnreadablePreviousVersionNoLongerMattersAfterItsWindow(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.onCall(func(_ context.Context, _, stage string) error {
		if stage == "AWSPREVIOUS" {
			return errDown
		}
		return nil
	})
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.Advance(5 * time.Minute)
	b.check(t, chat, firstKey, session.ErrDenied)
}

func TestWrongKeysDoNotBecomeCalls(t *testing.T) {
	for _, test := range []struct {
		name    string
		rotated bool
		atOnce  int // calls of the first 1000 wrong keys
	}{
		{"long after a rotation", false, 2}, // the first, and one refresh
		{"after a rotation", true, 3},       // and one for the previous version
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sharedBench(t, session.Options{}, firstKey)
			if test.rotated {
				b.put(shared, secondKey)
			}
			flood := func(want int) {
				t.Helper()
				for i := range 1000 {
					b.check(t, chat, fmt.Sprintf("%s%d", wrongKey, i), session.ErrDenied)
				}
				if calls := b.calls(); len(calls) > want {
					t.Errorf("1000 wrong keys made %d calls, want at most %d: %q", len(calls), want, calls)
				}
			}
			flood(test.atOnce)
			for range 20 {
				b.Advance(10 * time.Second)
				flood(3) // one refresh; in between, the TTL of either version
			}
		})
	}
}

func TestMissesLimitNothingWhereConversationsShareASecret(t *testing.T) {
	b := sharedBench(t, session.Options{Misses: 1}, firstKey)
	for range 10 {
		b.check(t, chat, wrongKey, session.ErrDenied)
		b.Advance(10 * time.Second)
	}
}

func TestARotatedKeyWorksWithinRefreshDuringAFloodOfWrongKeys(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.check(t, chat, wrongKey, session.ErrDenied)
	b.put(shared, secondKey)
	b.Advance(10*time.Second - time.Nanosecond)
	b.check(t, chat, secondKey, session.ErrDenied)
	b.Advance(time.Nanosecond)
	b.check(t, chat, secondKey, nil)
}

func TestAFreshlyReadSecretIsNotReadAgainForTheSameKey(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, chat, wrongKey, session.ErrDenied)
	b.wantCalls(t, askCurrent)
}

func TestARotationBetweenTwoCallsOfOneCheckDeniesNoGoodKey(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.put(shared, secondKey)
	b.onCall(func(_ context.Context, _, stage string) error {
		if stage == "AWSPREVIOUS" {
			b.fail(nil)
			b.put(shared, thirdKey)
		}
		return nil
	})
	b.check(t, chat, secondKey, nil)
	b.check(t, chat, firstKey, session.ErrDenied) // its check asks for AWSPREVIOUS: now the second key
	b.check(t, chat, secondKey, nil)
	b.check(t, chat, thirdKey, nil)
}
