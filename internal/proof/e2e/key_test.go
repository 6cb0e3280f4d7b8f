package e2e_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"crypto/rand"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

func TestWithoutTheKeyNothingIsStored(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	for _, c := range []struct {
		name string
		keys []string
	}{
		{"none", nil},
		{"empty", []string{""}},
		{"wrong", []string{"wrong"}},
		{"almost right", []string{key + "x"}},
		{"cut", []string{key[:len(key)-1]}},
		{"in another case", []string{swapCase(key)}},
		{"in a list", []string{key + "," + key}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := send(t, id, c.keys, file{"a.txt", []byte("a")})
			if got.status != http.StatusUnauthorized || strings.TrimSpace(string(got.body)) != `{"detail":"Unauthorized"}` {
				t.Errorf("status %d, body %s", got.status, got.body)
			}
		})
	}
	if got := stored(t, id); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
	upload(t, id, file{"a.txt", []byte("a")})
}

func swapCase(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ToUpper(string(r)) == string(r) {
			return []rune(strings.ToLower(string(r)))[0]
		}
		return []rune(strings.ToUpper(string(r)))[0]
	}, s)
}

// refreshWait is how long a function may take to ask Secrets Manager again, after
// wrong keys were tried or it did not answer: every 10 s at most.
const refreshWait = 12 * time.Second

func TestNewKeyOpensAtOnceAndOldKeyForAWhile(t *testing.T) {
	id, old := conversation(t), sessionKey(t)
	upload(t, id, file{"before.txt", nil})
	key := rotate(t)
	rotated := time.Now()
	await(t, refreshWait, "the new key opens", func() bool {
		return send(t, id, []string{key}, file{"new.txt", nil}).status == http.StatusOK
	})
	if got := send(t, id, []string{old}, file{"old.txt", nil}); time.Since(rotated) < stack.PreviousWindow && got.status != http.StatusOK {
		t.Errorf("the previous key within its window: status %d", got.status)
	}
	if stack.PreviousWindow > time.Minute {
		t.Skipf("the previous key of %s opens for %s", stack.Name, stack.PreviousWindow)
	}
	await(t, stack.PreviousWindow+refreshWait, "the previous key is refused", func() bool {
		return send(t, id, []string{old}, file{"old.txt", nil}).status == http.StatusUnauthorized
	})
	upload(t, id, file{"after.txt", nil})
}

// rotate gives the stack a new session key, as an operator does.
func rotate(t *testing.T) string {
	t.Helper()
	key := rand.Text() + rand.Text()
	if rotateLocal != nil {
		if err := rotateLocal(key); err != nil {
			t.Fatal(err)
		}
		return key
	}
	_, err := secrets().PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: &stack.SecretID, SecretString: &key})
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// await tries until something is so.
func await(t *testing.T, limit time.Duration, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !so(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %s", what, limit)
		}
	}
}
