package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// The text of a derived key is
//
//	sk1.<version>.<expiry>.<code>
//
// with decimal numbers and the code in base64url without padding. The code is the
// HMAC-SHA256, under the master key of that version, of these lines joined by
// line feeds: the label, the conversation, the version, the expiry.
const (
	derivedPrefix = "sk1."
	derivedLabel  = "upload-files session key v1"

	maxVersionDigits = 9
	maxExpiryDigits  = 12
	codeLength       = 43 // 32 bytes in base64url
)

// Derive makes the key that opens one conversation until expires, a time in whole
// seconds. version names the master key: a whole number from 1 to 999999999 in
// plain decimal digits. With another version, another kind of conversation id
// than the API takes, or a time before 1970, the result opens nothing.
func Derive(master []byte, version, conversation string, expires time.Time) string {
	return derive(master, version, conversation, strconv.FormatInt(expires.Unix(), 10))
}

func derive(master []byte, version, conversation, expires string) string {
	code := hmac.New(sha256.New, master)
	code.Write([]byte(derivedLabel + "\n" + conversation + "\n" + version + "\n" + expires))
	return derivedPrefix + version + "." + expires + "." + base64.RawURLEncoding.EncodeToString(code.Sum(nil))
}

// Mint derives a key from the value of a secret that holds master keys. version
// names the master key; empty means the highest.
func Mint(value, version, conversation string, expires time.Time) (string, error) {
	s, err := parseSecret(value)
	if err != nil {
		return "", err
	}
	if !validConversation(conversation) {
		return "", fmt.Errorf("conversation %q: an id is 1 to %d of A-Z a-z 0-9 . _ -", conversation, maxConversation)
	}
	if len(s.masters) == 0 {
		return "", errors.New("the secret has no master_keys to derive a key from; docs/session-keys.md says how to add them")
	}
	if version == "" {
		version = s.newestMaster()
	}
	master, ok := s.masters[version]
	if !ok {
		return "", fmt.Errorf("the secret has no master key of version %q", version)
	}
	if text := strconv.FormatInt(expires.Unix(), 10); !decimal(text, maxExpiryDigits) {
		return "", fmt.Errorf("expiry %s does not fit a key", text)
	}
	return Derive(master, version, conversation, expires), nil
}

// splitDerived takes a derived key apart. It holds for one spelling of each
// number; one spelling of the code is ensured by the comparison, which is of the
// whole text.
func splitDerived(key string) (version, expires string, ok bool) {
	rest := strings.TrimPrefix(key, derivedPrefix)
	version, rest, _ = strings.Cut(rest, ".")
	expires, code, _ := strings.Cut(rest, ".")
	ok = decimal(version, maxVersionDigits) && decimal(expires, maxExpiryDigits) && len(code) == codeLength
	return version, expires, ok
}

// decimal holds for a whole number from 1, in its one spelling.
func decimal(s string, maxDigits int) bool {
	if s == "" || len(s) > maxDigits || s[0] == '0' {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// unix is the time of a number of seconds that [decimal] holds for.
func unix(seconds string) time.Time {
	n, _ := strconv.ParseInt(seconds, 10, 64)
	return time.Unix(n, 0)
}
