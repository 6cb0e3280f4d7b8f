package session_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"uploadfiles/internal/deployed/session"
)

func TestCheckAcceptsTheKeyOfEachForm(t *testing.T) {
	for _, test := range []struct{ name, value, key string }{
		{"plain", firstKey, firstKey},
		{"plain with a line feed", firstKey + "\n", firstKey},
		{"shortest", "0123456789abcdef", "0123456789abcdef"},
		{"longest", strings.Repeat("k", 512), strings.Repeat("k", 512)},
		{"punctuation", `!#$%&'()*+,-./:;<=>?@[\]^_{|}~`, `!#$%&'()*+,-./:;<=>?@[\]^_{|}~`},
		{"comma", "abcdefgh,ijklmnop==", "abcdefgh,ijklmnop=="},
		{"JSON", `{"session_api_key":"` + firstKey + `"}`, firstKey},
		{"JSON with space and other members", `{"note": [{"a":1}], "session_api_key" : "` + firstKey + "\" } \n", firstKey},
		{"JSON with an escape", `{"session_api_key":"first\u002dQzXjWvKpByGfM"}`, firstKey},
		{"JSON of a key with a quote", `{"session_api_key":"\"first-QzXjWvKpByGfM"}`, `"` + firstKey},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sharedBench(t, session.Options{}, test.value)
			b.check(t, chat, test.key, nil)
			b.check(t, chat, test.key[1:]+"x", session.ErrDenied)
		})
	}
}

func TestCheckDeniesWhatIsNotTheKey(t *testing.T) {
	b := sharedBench(t, session.Options{}, "abcdefghijklmnop,qrs==")
	for _, key := range []string{
		"abcdefghijklmnop",
		"abcdefghijklmnop,qrs=",
		"abcdefghijklmnop,qrs===",
		"Abcdefghijklmnop,qrs==",
		"abcdefghijklmnop,qrs==,abcdefghijklmnop,qrs==",
		"qrs==abcdefghijklmnop,",
		`{"session_api_key":"abcdefghijklmnop,qrs=="}`,
	} {
		b.check(t, chat, key, session.ErrDenied)
	}
}

func TestCheckDeniesAnImplausibleKeyWithoutACall(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	for _, key := range []string{
		"",
		" ",
		"fifteen-chars-x",
		strings.Repeat("k", 513),
		strings.Repeat("k", 1<<20),
		firstKey + "\n",
		" " + firstKey,
		"QzX jWv 0123456789",
		firstKey + "\x00",
		firstKey + "\x7f",
		"schlüssel-0123456789",
		"sk1.1.1798761600.short",
	} {
		b.check(t, chat, key, session.ErrDenied)
	}
	b.wantCalls(t)
}

func TestCheckDeniesWhatIsNoConversationWithoutACall(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	b.put("conversations//session-key", firstKey)
	b.put("conversations/../session-key", firstKey)
	for _, conversation := range []string{
		"", "a/b", `a\b`, "a b", "a*", "{conversation_id}", "a\n", "é", "a\x00", strings.Repeat("a", 101),
	} {
		b.check(t, conversation, firstKey, session.ErrDenied)
	}
	b.wantCalls(t)
}

func TestCheckFailsClosedOnAnUnusableSecret(t *testing.T) {
	master := `"master_keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}`
	for _, test := range []struct{ name, value string }{
		{"empty", ""},
		{"line feed only", "\n"},
		{"space only", "                    "},
		{"too short", "fifteen-chars-x"},
		{"too short after its line feed", "fifteen-chars-x\n"},
		{"too long", strings.Repeat("k", 513)},
		{"two line feeds", firstKey + "\n\n"},
		{"carriage return", firstKey + "\r\n"},
		{"space inside", "QzX jWv 0123456789"},
		{"space before", " " + firstKey},
		{"not ASCII", "schlüssel-0123456789"},
		{"NUL", firstKey + "\x00"},
		{"begins as a derived key", "sk1." + firstKey},
		{"JSON string", `"` + firstKey + `"`},
		{"JSON array", `["` + firstKey + `"]`},
		{"space before JSON", ` {"session_api_key":"` + firstKey + `"}`},
		{"empty object", `{}`},
		{"other members only", `{"sessionApiKey":"` + firstKey + `"}`},
		{"name in capitals", `{"SESSION_API_KEY":"` + firstKey + `"}`},
		{"cut object", `{"session_api_key":"` + firstKey + `"`},
		{"cut string", `{"session_api_key":"` + firstKey},
		{"brace only", `{`},
		{"text after the object", `{"session_api_key":"` + firstKey + `"}x`},
		{"two objects", `{"session_api_key":"` + firstKey + `"}{}`},
		{"name without quotes", `{session_api_key:"` + firstKey + `"}`},
		{"key twice", `{"session_api_key":"` + firstKey + `","session_api_key":"` + secondKey + `"}`},
		{"key is a number", `{"session_api_key":1234567890123456}`},
		{"key is null", `{"session_api_key":null}`},
		{"key is an object", `{"session_api_key":{"k":"` + firstKey + `"}}`},
		{"key is empty", `{"session_api_key":""}`},
		{"key is empty beside master keys", `{"session_api_key":"",` + master + `}`},
		{"key is too short", `{"session_api_key":"shorty"}`},
		{"key has a line feed", `{"session_api_key":"` + firstKey + `\n"}`},
		{"master keys is empty", `{"session_api_key":"` + firstKey + `","master_keys":{}}`},
		{"master keys is an array", `{"master_keys":["` + firstKey + `"]}`},
		{"master keys is null", `{"session_api_key":"` + firstKey + `","master_keys":null}`},
		{"master key is a number", `{"master_keys":{"1":1}}`},
		{"master key is short", `{"master_keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHg"}}`},
		{"master key is not base64url", `{"master_keys":{"1":"++++++++++++++++++++++++++++++++++++++++++++"}}`},
		{"master key version is zero", `{"master_keys":{"0":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}`},
		{"master key version is a name", `{"master_keys":{"v1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}`},
		{"master key version twice", `{"master_keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8","1":"` + strings.Repeat("A", 43) + `"}}`},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sharedBench(t, session.Options{}, test.value)
			for _, key := range []string{firstKey, wrongKey, "sk1.1.1798761600." + strings.Repeat("A", 43)} {
				err := b.keys.Check(t.Context(), chat, key)
				if !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, session.ErrMalformed) {
					t.Errorf("Check(%q) = %v, want ErrUnavailable and ErrMalformed", key, err)
				}
				wantNoSecretText(t, err.Error())
			}
			b.check(t, chat, "", session.ErrDenied)
			wantNoSecretText(t, b.log.String())
			if b.failed.Load() != 1 {
				t.Errorf("RefreshFailed was called %d times, want 1", b.failed.Load())
			}
		})
	}
}

// wantNoSecretText fails where text shows a part of the values above.
func wantNoSecretText(t *testing.T, text string) {
	t.Helper()
	for _, part := range []string{"QzX", "jWv", "fifteen", "shorty", "chl", "kkk", "AAE", "HBU", "12345678901"} {
		if strings.Contains(text, part) {
			t.Errorf("%q shows %q of the secret", text, part)
		}
	}
}

func TestCheckUsesAMendedSecretWithinRefresh(t *testing.T) {
	b := sharedBench(t, session.Options{}, "{")
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.put(shared, firstKey)
	b.Advance(9 * time.Second)
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.wantCalls(t, "AWSCURRENT "+shared)
	b.Advance(time.Second)
	b.check(t, chat, firstKey, nil)
}

func TestCheckFailsClosedWhenAGoodSecretTurnsBad(t *testing.T) {
	for _, test := range []struct {
		name string
		turn func(*bench)
		want error
	}{
		{"malformed", func(b *bench) { b.put(shared, "") }, session.ErrMalformed},
		{"deleted", func(b *bench) { b.remove(shared) }, session.ErrNoSecret},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := sharedBench(t, session.Options{}, firstKey)
			b.check(t, chat, firstKey, nil)
			test.turn(b)
			b.Advance(time.Minute)
			b.check(t, chat, firstKey, session.ErrUnavailable)
			b.check(t, chat, firstKey, test.want)
			b.check(t, chat, wrongKey, test.want)
			if !strings.Contains(b.log.String(), shared) || b.failed.Load() != 1 {
				t.Errorf("RefreshFailed was called %d times, log %q: want one of each", b.failed.Load(), b.log.String())
			}
		})
	}
}

func TestMissingSharedSecretIsUnavailable(t *testing.T) {
	b := newBench(t, session.Options{Secret: shared})
	b.check(t, chat, firstKey, session.ErrUnavailable)
	b.check(t, chat, firstKey, session.ErrNoSecret)
	if b.failed.Load() != 1 {
		t.Errorf("RefreshFailed was called %d times, want 1", b.failed.Load())
	}
}

func TestCheckBelievesASecretForTTL(t *testing.T) {
	b := sharedBench(t, session.Options{TTL: 100 * time.Second}, firstKey)
	for range 20 {
		b.check(t, chat, firstKey, nil)
		b.calls()
		b.Advance(79 * time.Second)
		b.check(t, chat, firstKey, nil)
		b.wantCalls(t)
		b.Advance(21 * time.Second)
		b.check(t, chat, firstKey, nil)
		b.wantCalls(t, "AWSCURRENT "+shared)
		b.Advance(100 * time.Second)
	}
}

func TestATTLUnderASecondCountsAsASecond(t *testing.T) {
	b := sharedBench(t, session.Options{TTL: 1, Stale: session.Off}, firstKey)
	b.check(t, chat, firstKey, nil)
	b.Advance(799 * time.Millisecond)
	b.check(t, chat, firstKey, nil)
	b.wantCalls(t, askCurrent)
	b.Advance(201 * time.Millisecond)
	b.check(t, chat, firstKey, nil)
	b.wantCalls(t, askCurrent)
}

func TestEnvironmentsThatStartTogetherDoNotAskTogether(t *testing.T) {
	var asked int
	for range 40 {
		b := sharedBench(t, session.Options{}, firstKey)
		b.check(t, chat, firstKey, nil)
		b.Advance(54 * time.Second)
		b.check(t, chat, firstKey, nil)
		asked += len(b.calls()) - 1
	}
	if asked == 0 || asked == 40 {
		t.Errorf("after 54 s, %d of 40 asked again: there is no jitter", asked)
	}
}

func TestTimeInAFrozenProcessCounts(t *testing.T) {
	if now := session.WallClock(); now != now.Round(0) {
		t.Errorf("the time %v has a monotonic reading, which may have stood still", now)
	}
}

func TestASharedKeyOpensEveryConversation(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, "one", firstKey, nil)
	b.check(t, "two", firstKey, nil)
	b.wantCalls(t, "AWSCURRENT "+shared)
}

func TestWarmSparesTheFirstCheckItsCall(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	if err := b.keys.Warm(t.Context()); err != nil {
		t.Fatalf("Warm() = %v, want nil", err)
	}
	b.wantCalls(t, "AWSCURRENT "+shared)
	b.check(t, chat, firstKey, nil)
	b.wantCalls(t)
}

// On Lambda a process can be frozen during the call and thawed by an event: then
// its signature has expired, and the event's own call would work.
func TestAFailureOfWarmIsForgotten(t *testing.T) {
	for _, failure := range []error{errDown, session.ErrNoSecret, session.ErrMalformed} {
		b := sharedBench(t, session.Options{}, firstKey)
		b.fail(failure)
		if err := b.keys.Warm(t.Context()); !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, failure) {
			t.Errorf("Warm() = %v, want ErrUnavailable and its cause", err)
		}
		b.fail(nil)
		b.check(t, chat, firstKey, nil)
		b.wantCalls(t, askCurrent, askCurrent)
		if b.failed.Load() != 0 || b.log.Len() != 0 {
			t.Errorf("%v: RefreshFailed was called %d times, log %q: want nothing", failure, b.failed.Load(), b.log.String())
		}
	}
}

// The first event's check may come while the call is under way.
func TestACheckThatWaitsForAFailingWarmAsksForItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := slowVault(t)
		v.put(shared, firstKey)
		slow, calls := v.hook, 0
		v.onCall(func(ctx context.Context, id, stage string) error {
			if calls++; calls == 1 {
				return errors.Join(slow(ctx, id, stage), errDown)
			}
			return nil
		})
		keys := session.New(v, session.Options{Secret: shared})
		var warm sync.WaitGroup
		warm.Go(func() { _ = keys.Warm(t.Context()) })
		synctest.Wait()
		for _, err := range checks(t.Context(), 10, keys, chat, firstKey) {
			if err != nil {
				t.Errorf("Check() = %v, want nil", err)
			}
		}
		warm.Wait()
		v.wantCalls(t, askCurrent, askCurrent)
	})
}

func TestWarmAsksNothingWhereConversationsHaveTheirOwnSecrets(t *testing.T) {
	b := newBench(t, session.Options{Secret: own})
	if err := b.keys.Warm(t.Context()); err != nil {
		t.Errorf("Warm() = %v, want nil", err)
	}
	b.wantCalls(t)
}

func TestCheckOfACancelledRequestIsUnavailable(t *testing.T) {
	b := sharedBench(t, session.Options{}, firstKey)
	b.onCall(func(ctx context.Context, _, _ string) error { return ctx.Err() })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.keys.Check(ctx, chat, firstKey); !errors.Is(err, session.ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("Check() = %v, want ErrUnavailable and context.Canceled", err)
	}
	if b.failed.Load() != 0 {
		t.Errorf("RefreshFailed was called for a request that was cancelled")
	}
	b.check(t, chat, firstKey, nil) // at once: it was not Secrets Manager that failed
}

func ExampleKeys() {
	secrets := newVault(nil, time.Now)
	secrets.put("conversations/abc123/session-key", "first-QzXjWvKpByGfM")
	keys := session.New(secrets, session.Options{Secret: "conversations/{conversation_id}/session-key"})
	fmt.Println(keys.Check(context.Background(), "abc123", "first-QzXjWvKpByGfM"))
	fmt.Println(errors.Is(keys.Check(context.Background(), "abc124", "first-QzXjWvKpByGfM"), session.ErrDenied))
	// Output:
	// <nil>
	// true
}
