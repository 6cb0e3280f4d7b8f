package session_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

func secretOf(conversation string) string {
	return strings.ReplaceAll(own, "{conversation_id}", conversation)
}

func TestAConversationsKeyOpensNoOther(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	b.put(secretOf("one"), firstKey)
	b.put(secretOf("two"), `{"session_api_key":"`+secondKey+`"}`)
	b.check(t, "one", firstKey, nil)
	b.check(t, "two", secondKey, nil)
	b.check(t, "one", secondKey, session.ErrDenied)
	b.check(t, "two", firstKey, session.ErrDenied)
	b.check(t, "ONE", firstKey, session.ErrDenied)
}

func TestAConversationWithoutASecretIsDeniedAndRemembered(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	for range 100 {
		b.check(t, chat, firstKey, session.ErrDenied)
	}
	b.wantCalls(t, "AWSCURRENT "+secretOf(chat))
	b.put(secretOf(chat), firstKey)
	b.Advance(30*time.Second - time.Nanosecond)
	b.check(t, chat, firstKey, session.ErrDenied)
	b.Advance(time.Nanosecond)
	b.check(t, chat, firstKey, nil)
	if b.failed.Load() != 0 || b.log.Len() != 0 {
		t.Errorf("RefreshFailed was called %d times, log %q: a missing conversation is no failure", b.failed.Load(), b.log.String())
	}
}

func TestAConversationWithoutASecretIsAskedForEachTimeWhereNegativeIsOff(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Negative: session.Off})
	b.check(t, chat, firstKey, session.ErrDenied)
	b.put(secretOf(chat), firstKey)
	b.check(t, chat, firstKey, nil)
}

func TestADeletedConversationIsDeniedWithinTTL(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	b.put(secretOf(chat), firstKey)
	b.check(t, chat, firstKey, nil)
	b.remove(secretOf(chat))
	b.Advance(time.Minute)
	b.check(t, chat, firstKey, session.ErrDenied)
}

func TestAMalformedSecretOfAConversationIsUnavailable(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	b.put(secretOf(chat), "short")
	b.check(t, chat, firstKey, session.ErrUnavailable)
}

func TestMadeUpConversationsCannotRunUpTheBill(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Misses: 50, Negative: time.Hour, TTL: time.Hour})
	b.put(secretOf("known"), firstKey)
	b.put(secretOf("new"), secondKey)
	b.check(t, "known", firstKey, nil)
	b.calls()

	next := 0
	flood := func(want error) {
		b.check(t, fmt.Sprintf("made-up-%d", next), wrongKey, want)
		next++
	}
	for range 50 {
		flood(session.ErrDenied)
	}
	for range 10000 {
		flood(session.ErrUnavailable)
	}
	if n := len(b.calls()); n != 50 {
		t.Errorf("10050 made-up conversations made %d calls, want 50", n)
	}
	b.check(t, "known", firstKey, nil)                    // needs no call
	b.check(t, "known", wrongKey, session.ErrUnavailable) // needs one, and looks as a made-up one does
	b.check(t, "made-up-0", wrongKey, session.ErrDenied)  // remembered
	b.check(t, "new", secondKey, session.ErrUnavailable)  // nobody can tell

	b.Advance(6 * time.Second) // brings back 5 of 50
	b.check(t, "new", secondKey, nil)
	b.calls()
	for range 5 { // the call for "new" led to a match and is not counted
		flood(session.ErrDenied)
	}
	flood(session.ErrUnavailable)
	b.Advance(time.Hour)
	for range 50 {
		flood(session.ErrDenied)
	}
	flood(session.ErrUnavailable)
}

func TestConversationsWithGoodKeysAreNotLimited(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Misses: 2})
	for i := range 500 {
		conversation := fmt.Sprintf("c%d", i)
		b.put(secretOf(conversation), firstKey)
		b.check(t, conversation, firstKey, nil)
	}
}

func TestWrongKeysForKnownConversationsAreLimitedTogether(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Misses: 50, TTL: time.Hour})
	for i := range 200 {
		conversation := fmt.Sprintf("c%d", i)
		b.put(secretOf(conversation), firstKey)
		b.check(t, conversation, firstKey, nil)
	}
	b.Advance(5 * time.Minute) // no previous version counts
	b.calls()
	for i := range 200 {
		want := session.ErrDenied
		if i >= 50 {
			want = session.ErrUnavailable
		}
		b.check(t, fmt.Sprintf("c%d", i), wrongKey, want)
	}
	if n := len(b.calls()); n != 50 {
		t.Errorf("wrong keys for 200 conversations made %d calls, want 50", n)
	}
}

func TestAFloodKeepsNoKnownSecretFromBeingReadAgain(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Misses: 1, PreviousWindow: session.Off})
	b.put(secretOf(chat), firstKey)
	b.check(t, chat, firstKey, nil)
	b.put(secretOf(chat), secondKey)
	b.Advance(time.Minute)
	b.check(t, "made-up", wrongKey, session.ErrDenied)
	b.check(t, "made-up-too", wrongKey, session.ErrUnavailable)
	b.check(t, chat, firstKey, session.ErrDenied) // a revoked key must not outlive its TTL
	b.check(t, chat, secondKey, nil)
}

func TestMemoryIsBounded(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Entries: 10, Misses: 1e6})
	for i := range 1000 {
		b.check(t, fmt.Sprintf("made-up-%d", i), wrongKey, session.ErrDenied)
		b.put(secretOf(fmt.Sprintf("c%d", i)), firstKey)
		b.check(t, fmt.Sprintf("c%d", i), firstKey, nil)
	}
	if known, unknown, all := b.keys.Remembered(); known != 10 || unknown != 10 || all != 20 {
		t.Errorf("Remembered() = %d, %d, %d, want 10, 10, 20", known, unknown, all)
	}
	b.fail(errDown)
	for i := range 1000 {
		b.check(t, fmt.Sprintf("down-%d", i), wrongKey, session.ErrUnavailable)
	}
	if _, _, all := b.keys.Remembered(); all != 20 {
		t.Errorf("%d secrets remembered after an outage, want 20", all)
	}
}

func TestNothingIsRememberedOfAnUnaskedConversation(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Misses: 1})
	for i := range 100 {
		_ = b.keys.Check(t.Context(), fmt.Sprintf("made-up-%d", i), wrongKey)
	}
	if _, _, all := b.keys.Remembered(); all != 1 {
		t.Errorf("%d secrets remembered after one call, want 1", all)
	}
}

func TestStrangersEvictNoConversationInUse(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Entries: 10, Misses: 1e6, TTL: time.Hour})
	for i := range 10 {
		b.put(secretOf(fmt.Sprintf("used-%d", i)), firstKey)
		b.check(t, fmt.Sprintf("used-%d", i), firstKey, nil)
	}
	for i := range 1000 {
		b.check(t, fmt.Sprintf("made-up-%d", i), wrongKey, session.ErrDenied)
		b.put(secretOf(fmt.Sprintf("quiet-%d", i)), firstKey)
		b.check(t, fmt.Sprintf("quiet-%d", i), wrongKey, session.ErrDenied) // it is there, but not the stranger's
	}
	b.calls()
	for i := range 10 {
		b.check(t, fmt.Sprintf("used-%d", i), firstKey, nil)
	}
	b.wantCalls(t)
}

func TestTheConversationLeastRecentlyOpenedGoesFirst(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Entries: 2, TTL: time.Hour})
	for _, c := range []string{"a", "b", "c"} {
		b.put(secretOf(c), firstKey)
	}
	b.check(t, "a", firstKey, nil)
	b.check(t, "b", firstKey, nil)
	b.check(t, "a", firstKey, nil)
	b.check(t, "c", firstKey, nil)
	b.calls()
	b.check(t, "a", firstKey, nil)
	b.check(t, "c", firstKey, nil)
	b.wantCalls(t)
	b.check(t, "b", firstKey, nil)
	b.wantCalls(t, "AWSCURRENT "+secretOf("b"))
}

func TestTheConversationThatWasMissedFirstIsForgottenFirst(t *testing.T) {
	b := newBench(t, session.Options{Secret: own, Entries: 2})
	for _, c := range []string{"a", "b", "c"} {
		b.check(t, c, firstKey, session.ErrDenied)
	}
	b.calls()
	b.check(t, "b", firstKey, session.ErrDenied)
	b.check(t, "c", firstKey, session.ErrDenied)
	b.wantCalls(t)
	b.check(t, "a", firstKey, session.ErrDenied)
	b.wantCalls(t, "AWSCURRENT "+secretOf("a"))
}

func TestTheSecretMayBeNamedByARN(t *testing.T) {
	const arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:chat/{conversation_id}/key"
	b := newBench(t, session.Options{Secret: arn})
	b.put(strings.ReplaceAll(arn, "{conversation_id}", chat), firstKey)
	b.check(t, chat, firstKey, nil)
}
