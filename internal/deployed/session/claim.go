package session

import (
	"crypto/sha256"
	"strings"
	"time"
)

// Bounds of a session key, in bytes. A shorter one could be guessed; a longer one
// is not a key.
const (
	minKey = 16
	maxKey = 512
)

// maxConversation is the longest conversation id, in bytes.
const maxConversation = 100

// A claim is a key that somebody says is the conversation's, and that a secret
// could match.
type claim struct {
	conversation string
	digest       [sha256.Size]byte // of the key's text
	derived      bool
	version      string // of the master key, where derived
	expires      string // as in the key's text, where derived
}

// parseClaim tells what a secret could match from what none can. What it refuses
// costs no call.
func parseClaim(conversation, key string, now time.Time) (claim, error) {
	switch {
	case !validConversation(conversation):
		return claim{}, errBadID
	case len(key) == 0:
		return claim{}, errNoKey
	case len(key) < minKey || len(key) > maxKey || !visible(key):
		return claim{}, errImplausible
	}
	c := claim{conversation: conversation, digest: sha256.Sum256([]byte(key))}
	if !strings.HasPrefix(key, derivedPrefix) {
		return c, nil
	}
	version, expires, ok := splitDerived(key)
	if !ok {
		return claim{}, errImplausible
	}
	if !now.Before(unix(expires)) {
		return claim{}, errExpired
	}
	c.derived, c.version, c.expires = true, version, expires
	return c, nil
}

// validConversation holds for 1 to 100 of A–Z a–z 0–9 . _ -, but not for "." and
// not with "..", as the API has it. The id becomes part of a secret's name, so
// that it is checked here too, whoever calls.
func validConversation(id string) bool {
	if id == "" || len(id) > maxConversation || id == "." || strings.Contains(id, "..") {
		return false
	}
	return !strings.ContainsFunc(id, func(r rune) bool {
		switch {
		case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
			return false
		}
		return r != '.' && r != '_' && r != '-'
	})
}

// visible holds for ASCII without spaces and control characters: what a header
// carries unchanged.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
