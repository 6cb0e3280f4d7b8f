package session_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
)

// vectors are testdata/derived-keys.json, which other languages can be tested
// against too.
type vectors struct {
	Now        int64             `json:"now"`
	MasterKeys map[string]string `json:"master_keys"`
	Keys       []struct {
		Name         string `json:"name"`
		Conversation string `json:"conversation"`
		Version      string `json:"version"`
		Expires      int64  `json:"expires"`
		Message      string `json:"message"`
		Key          string `json:"key"`
	} `json:"keys"`
	Refused []struct {
		Name         string `json:"name"`
		Conversation string `json:"conversation"`
		Key          string `json:"key"`
	} `json:"refused"`
}

func readVectors(t testing.TB) vectors {
	t.Helper()
	content, err := os.ReadFile("testdata/derived-keys.json")
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(content, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Keys) == 0 || len(v.Refused) == 0 {
		t.Fatal("testdata/derived-keys.json has no vectors")
	}
	return v
}

// secret is the value of a secret that holds the master keys.
func (v vectors) secret(t testing.TB) string {
	t.Helper()
	value, err := json.Marshal(map[string]any{"master_keys": v.MasterKeys})
	if err != nil {
		t.Fatal(err)
	}
	return string(value)
}

// bench holds the vectors' master keys since the day before the vectors' time,
// and stands at that time.
func (v vectors) bench(t testing.TB) *bench {
	t.Helper()
	b := newBench(t, session.Options{Secret: shared})
	b.nanos.Store(time.Unix(v.Now, 0).Add(-24 * time.Hour).UnixNano())
	b.put(shared, v.secret(t))
	b.Advance(24 * time.Hour)
	return b
}

func decodeMaster(t testing.TB, text string) []byte {
	t.Helper()
	master, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return master
}

func TestDerivedKeysFollowTheVectors(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	for _, k := range v.Keys {
		t.Run(k.Name, func(t *testing.T) {
			master := decodeMaster(t, v.MasterKeys[k.Version])
			if got := session.Derive(master, k.Version, k.Conversation, time.Unix(k.Expires, 999_999_999)); got != k.Key {
				t.Errorf("Derive() = %q, want %q", got, k.Key)
			}
			if got, err := session.Mint(v.secret(t), k.Version, k.Conversation, time.Unix(k.Expires, 0)); got != k.Key || err != nil {
				t.Errorf("Mint() = %q, %v, want %q", got, err, k.Key)
			}
			b.check(t, k.Conversation, k.Key, nil)
		})
	}
	for _, k := range v.Refused {
		t.Run(k.Name, func(t *testing.T) { b.check(t, k.Conversation, k.Key, session.ErrDenied) })
	}
}

func TestADerivedKeyEndsAtItsExpiry(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	key := v.Keys[0]
	b.nanos.Store(time.Unix(key.Expires, 0).Add(-time.Nanosecond).UnixNano())
	b.check(t, key.Conversation, key.Key, nil)
	b.Advance(time.Nanosecond)
	b.check(t, key.Conversation, key.Key, session.ErrDenied)
}

func TestAnExpiredOrMisshapenDerivedKeyCostsNoCall(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	code := strings.Repeat("A", 43)
	for _, key := range []string{
		"sk1.1.1." + code,
		"sk1.1." + strconv.FormatInt(v.Now, 10) + "." + code,
		"sk1..." + code,
		"sk1." + code,
		"sk1.1." + code,
		"sk1.1.1798761600." + code + code,
		"sk1.1.1798761600." + strings.Repeat("A", 490),
		"sk1." + strings.Repeat("9", 10) + ".1798761600." + code,
	} {
		b.check(t, chat, key, session.ErrDenied)
	}
	b.wantCalls(t)
}

func TestAnySingleByteChangeOfADerivedKeyIsDenied(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	key := v.Keys[0]
	for i := range key.Key {
		for c := range 256 {
			if changed := key.Key[:i] + string([]byte{byte(c)}) + key.Key[i+1:]; changed != key.Key {
				b.check(t, key.Conversation, changed, session.ErrDenied)
			}
		}
		b.check(t, key.Conversation, key.Key[:i]+key.Key[i+1:], session.ErrDenied)
		b.check(t, key.Conversation, key.Key[:i]+key.Key[i:i+1]+key.Key[i:], session.ErrDenied)
	}
	b.check(t, key.Conversation, key.Key, nil)
}

func TestASecretMayHoldASharedKeyBesideMasterKeys(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	both, err := json.Marshal(map[string]any{"session_api_key": firstKey, "master_keys": v.MasterKeys})
	if err != nil {
		t.Fatal(err)
	}
	b.put(shared, string(both))
	b.check(t, "anything", firstKey, nil)
	b.check(t, v.Keys[0].Conversation, v.Keys[0].Key, nil)
	b.check(t, "anything", v.Keys[0].Key, session.ErrDenied)
}

func TestASecretWithMasterKeysOnlyHasNoSharedKey(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	for _, key := range []string{firstKey, v.MasterKeys["1"], "", v.secret(t)} {
		b.check(t, chat, key, session.ErrDenied)
	}
}

func TestASecretWithoutMasterKeysDeniesDerivedKeys(t *testing.T) {
	v := readVectors(t)
	b := sharedBench(t, session.Options{}, firstKey)
	b.check(t, v.Keys[0].Conversation, v.Keys[0].Key, session.ErrDenied)
}

func TestMasterKeysRotateSideBySide(t *testing.T) {
	first, second := strings.Repeat("A", 43), strings.Repeat("B", 43)
	value := func(members string) string { return `{"master_keys":{` + members + `}}` }
	b := sharedBench(t, session.Options{PreviousWindow: session.Off}, value(`"1":"`+first+`"`))
	expires := b.Now().Add(time.Hour)
	old := session.Derive(decodeMaster(t, first), "1", chat, expires)
	b.check(t, chat, old, nil)
	b.calls()

	b.put(shared, value(`"1":"`+first+`","2":"`+second+`="`)) // padded, as some tools print it
	renewed := session.Derive(decodeMaster(t, second), "2", chat, expires)
	b.check(t, chat, renewed, nil) // an unknown version reads the secret again
	b.wantCalls(t, askCurrent)
	b.check(t, chat, old, nil)

	b.put(shared, value(`"2":"`+second+`"`))
	b.Advance(time.Minute)
	b.check(t, chat, old, session.ErrDenied)
	b.check(t, chat, renewed, nil)
}

func TestUnknownVersionsDoNotBecomeCalls(t *testing.T) {
	v := readVectors(t)
	b := v.bench(t)
	for i := range 1000 {
		b.check(t, chat, fmt.Sprintf("sk1.%d.1798761600.%s", i+100, strings.Repeat("A", 43)), session.ErrDenied)
	}
	if n := len(b.calls()); n > 2 {
		t.Errorf("1000 unknown versions made %d calls, want at most 2", n)
	}
}

func TestAMasterKeyOfAConversationsOwnSecretOpensThatOne(t *testing.T) {
	v := readVectors(t)
	b := newBench(t, session.Options{Secret: own})
	b.put(secretOf(chat), v.secret(t))
	master := decodeMaster(t, v.MasterKeys["1"])
	expires := b.Now().Add(time.Hour)
	b.check(t, chat, session.Derive(master, "1", chat, expires), nil)
	b.check(t, chat, session.Derive(master, "1", "other", expires), session.ErrDenied)
}

func TestMintTakesTheHighestVersion(t *testing.T) {
	v := readVectors(t)
	key, err := session.Mint(v.secret(t), "", chat, time.Unix(v.Now+60, 0))
	if err != nil || !strings.HasPrefix(key, "sk1.999999999.") {
		t.Errorf("Mint() = %q, %v, want a key of version 999999999", key, err)
	}
	v.bench(t).check(t, chat, key, nil)

	two := fmt.Sprintf(`{"master_keys":{"9":%q,"10":%q}}`, v.MasterKeys["1"], v.MasterKeys["2"])
	if key, err := session.Mint(two, "", chat, time.Unix(v.Now+60, 0)); err != nil || !strings.HasPrefix(key, "sk1.10.") {
		t.Errorf("Mint() = %q, %v, want a key of version 10", key, err)
	}
}

func TestMintRefusesWhatWouldOpenNothing(t *testing.T) {
	v := readVectors(t)
	soon := time.Unix(v.Now+60, 0)
	for _, test := range []struct {
		name, value, version, conversation string
		expires                            time.Time
	}{
		{"a malformed secret", "{", "1", chat, soon},
		{"a secret without master keys", firstKey, "", chat, soon},
		{"an unknown version", v.secret(t), "7", chat, soon},
		{"a version in another spelling", v.secret(t), "01", chat, soon},
		{"no conversation", v.secret(t), "1", "", soon},
		{"no valid conversation", v.secret(t), "1", "a/b", soon},
		{"a time before 1970", v.secret(t), "1", chat, time.Unix(-1, 0)},
		{"a time too far away", v.secret(t), "1", chat, time.Unix(1e12, 0)},
	} {
		if key, err := session.Mint(test.value, test.version, test.conversation, test.expires); err == nil {
			t.Errorf("Mint() with %s = %q, want an error", test.name, key)
		}
	}
}

// mintedFor holds where text is the key of the conversation for the time that it
// names itself.
func mintedFor(master []byte, version, conversation, text string) bool {
	parts := strings.Split(text, ".")
	if len(parts) != 4 {
		return false
	}
	seconds, err := strconv.ParseInt(parts[2], 10, 64)
	return err == nil && text == session.Derive(master, version, conversation, time.Unix(seconds, 0))
}

// FuzzDerivedKey holds that of all texts only the minted one opens a
// conversation.
func FuzzDerivedKey(f *testing.F) {
	v := readVectors(f)
	for _, k := range v.Keys {
		f.Add(decodeMaster(f, v.MasterKeys[k.Version]), uint32(7), k.Conversation, uint32(60), k.Key, byte(1))
	}
	for _, k := range v.Refused {
		f.Add(decodeMaster(f, v.MasterKeys["1"]), uint32(1), k.Conversation, uint32(3600), k.Key, byte(0x20))
	}
	f.Fuzz(func(t *testing.T, master []byte, version uint32, conversation string, life uint32, other string, flip byte) {
		number := strconv.Itoa(int(version%999_999_999) + 1)
		secret, err := json.Marshal(map[string]any{"master_keys": map[string]string{number: base64.RawURLEncoding.EncodeToString(master)}})
		if err != nil {
			t.Fatal(err)
		}
		b := sharedBench(t, session.Options{}, string(secret))
		expires := b.Now().Add(time.Duration(life)*time.Second + time.Second)
		minted, err := session.Mint(string(secret), number, conversation, expires)
		if err != nil {
			if b.keys.Check(t.Context(), conversation, session.Derive(master, number, conversation, expires)) == nil {
				t.Errorf("a key that Mint refuses (%v) opens %q", err, conversation)
			}
			return
		}
		b.check(t, conversation, minted, nil)
		if strings.Trim(minted, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Errorf("Mint() = %q: not of the alphabet", minted)
		}
		if !mintedFor(master, number, conversation, other) {
			b.check(t, conversation, other, session.ErrDenied)
		}
		b.check(t, conversation+"x", minted, session.ErrDenied)
		if flip == 0 {
			return
		}
		for i := range minted {
			changed := []byte(minted)
			changed[i] ^= flip
			b.check(t, conversation, string(changed), session.ErrDenied)
		}
	})
}

// FuzzSecret holds that whatever a secret's value is, no key opens but the one in
// it, and that nothing of the value gets out.
func FuzzSecret(f *testing.F) {
	for _, value := range []string{
		firstKey, firstKey + "\n", "", "{", `{"session_api_key":"` + firstKey + `"}`, `{"session_api_key":1}`,
		`{"master_keys":{"1":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"}}`, `{"a":{"b":[1,"c",null]},"a":1}`, `["x"]`, "\xff",
	} {
		f.Add(value, firstKey)
	}
	f.Fuzz(func(t *testing.T, value, key string) {
		b := sharedBench(t, session.Options{}, value)
		err := b.keys.Check(t.Context(), chat, key)
		if err != nil {
			if len(value) > 12 && strings.Contains(err.Error(), value) {
				t.Errorf("Check() = %v, which shows the secret %q", err, value)
			}
			return
		}
		if len(key) < 16 {
			t.Errorf("Check(%q) = nil: a short key opens", key)
		}
		if key == strings.TrimSuffix(value, "\n") {
			return
		}
		var object struct {
			Key string `json:"session_api_key"`
		}
		if json.Unmarshal([]byte(value), &object) != nil || key != object.Key {
			t.Errorf("Check(%q) = nil with the secret %q", key, value)
		}
	})
}
