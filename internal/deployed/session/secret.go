package session

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// minMaster is the least length of a master key, in bytes: that of HMAC-SHA256's
// own output, as RFC 2104, section 3, asks.
const minMaster = 32

// A secret is a version whose value is understood. It keeps the hash of the
// session key, not the key.
type secret struct {
	id      string
	created time.Time
	digest  []byte            // of the session key; nil where there is none
	masters map[string][]byte // by version, a decimal number
}

// sameVersion compares versions, not values; nil is no version.
func (s *secret) sameVersion(as *secret) bool {
	if s == nil || as == nil {
		return s == as
	}
	return s.id == as.id && s.created.Equal(as.created)
}

// accepts returns 1 where the claim is true and 0 where it is not, in a time that
// tells nothing of the key.
func (s *secret) accepts(c claim) int {
	if !c.derived {
		return subtle.ConstantTimeCompare(s.digest, c.digest[:])
	}
	master, ok := s.masters[c.version]
	if !ok {
		return 0
	}
	want := sha256.Sum256([]byte(derive(master, c.version, c.conversation, c.expires)))
	return subtle.ConstantTimeCompare(want[:], c.digest[:])
}

// newestMaster is the highest version of the master keys.
func (s *secret) newestMaster() string {
	return slices.MaxFunc(slices.Collect(maps.Keys(s.masters)), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b))
	})
}

// parseSecret reads a secret's value: the session key itself, or a JSON object
// with session_api_key, master_keys or both. Its errors show nothing of the
// value, so that they hold no text of encoding/json.
func parseSecret(value string) (*secret, error) {
	switch {
	case strings.HasPrefix(value, "{"):
		return parseObject(value)
	case strings.HasPrefix(value, "["), strings.HasPrefix(value, `"`):
		return nil, malformed("JSON, but not an object")
	}
	return parseKey(strings.TrimSuffix(value, "\n"))
}

func parseObject(value string) (*secret, error) {
	members, err := object([]byte(value))
	if err != nil {
		return nil, err
	}
	key, hasKey := members["session_api_key"]
	masters, hasMasters := members["master_keys"]
	if !hasKey && !hasMasters {
		return nil, malformed("neither session_api_key nor master_keys")
	}
	s := &secret{}
	if hasKey {
		if s, err = parseKeyMember(key); err != nil {
			return nil, err
		}
	}
	if hasMasters {
		if s.masters, err = parseMasters(masters); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func parseKeyMember(raw json.RawMessage) (*secret, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, malformed("session_api_key is not a string")
	}
	return parseKey(text)
}

func parseKey(text string) (*secret, error) {
	switch {
	case text == "":
		return nil, malformed("the key is empty")
	case len(text) < minKey:
		return nil, malformed(fmt.Sprintf("the key has fewer than %d characters", minKey))
	case len(text) > maxKey:
		return nil, malformed(fmt.Sprintf("the key has more than %d characters", maxKey))
	case !visible(text):
		return nil, malformed("the key has a character that is not visible ASCII")
	case strings.HasPrefix(text, derivedPrefix):
		return nil, malformed("the key begins as a derived key does, " + derivedPrefix)
	}
	digest := sha256.Sum256([]byte(text))
	return &secret{digest: digest[:]}, nil
}

func parseMasters(raw json.RawMessage) (map[string][]byte, error) {
	members, err := object(raw)
	if err != nil {
		return nil, err
	}
	if len(members) == 0 {
		return nil, malformed("master_keys is empty")
	}
	masters := make(map[string][]byte, len(members))
	for version, raw := range members {
		if !decimal(version, maxVersionDigits) {
			return nil, malformed("a version in master_keys is not a whole number from 1 to 999999999")
		}
		if masters[version], err = parseMaster(raw); err != nil {
			return nil, err
		}
	}
	return masters, nil
}

func parseMaster(raw json.RawMessage) ([]byte, error) {
	var text string
	if json.Unmarshal(raw, &text) != nil {
		return nil, malformed("a master key is not a string")
	}
	master, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil {
		return nil, malformed("a master key is not base64url")
	}
	if len(master) < minMaster {
		return nil, malformed(fmt.Sprintf("a master key has fewer than %d bytes", minMaster))
	}
	return master, nil
}

// object reads a JSON object. A name that stands twice is an error: which of the
// two values counts would be anybody's guess.
func object(text []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, errNotJSON
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, errNotJSON
		}
		var value json.RawMessage
		if d.Decode(&value) != nil {
			return nil, errNotJSON
		}
		if _, twice := members[name.(string)]; twice {
			return nil, malformed("a name stands twice in a JSON object")
		}
		members[name.(string)] = value
	}
	if _, err := d.Token(); err != nil {
		return nil, errNotJSON
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errNotJSON
	}
	return members, nil
}

var errNotJSON = malformed("not a JSON object")

func malformed(why string) error { return fmt.Errorf("%w: %s", ErrMalformed, why) }
