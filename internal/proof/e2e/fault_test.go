package e2e_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"uploadfiles/internal/proof/e2e/relay"
)

// unavailable wants an answer that tells a client to come back.
func unavailable(t *testing.T, got answer) {
	t.Helper()
	if got.status != http.StatusServiceUnavailable || got.header.Get("Retry-After") == "" ||
		!strings.HasPrefix(string(got.body), `{"detail":`) {
		t.Errorf("status %d, Retry-After %q, body %s", got.status, got.header.Get("Retry-After"), got.body)
	}
	if leak := regexp.MustCompile(`amazonaws|arn:|docker|` + regexp.QuoteMeta(stack.Bucket)).Find(got.body); leak != nil {
		t.Errorf("the answer tells a client about %q: %s", leak, got.body)
	}
}

func TestStoreThatIsDownIsA503AndThenARecovery(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	upload(t, id, file{"before.txt", nil})
	fault(t, "store", relay.Down)
	unavailable(t, send(t, id, []string{key}, file{"a.txt", []byte("a")}, file{"b.txt", []byte("b")}))
	mend(t, "store")
	upload(t, id, file{"a.txt", []byte("a")}, file{"b.txt", []byte("b")})
	if got := stored(t, id); len(got) != 3 {
		t.Errorf("stored %q, want three files", got)
	}
}

func TestStoreThatHangsIsA503BeforeTheDeadline(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	upload(t, id, file{"before.txt", nil})
	fault(t, "store", relay.Hang)
	unavailable(t, send(t, id, []string{key}, file{"a.txt", []byte("a")})) // and not the gateway's word that time is up
	mend(t, "store")
	upload(t, id, file{"a.txt", []byte("a")})
}

func TestSecretStoreThatIsDownStopsNoOneWhoIsKnown(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	upload(t, id, file{"before.txt", nil})
	fault(t, "secrets", relay.Down)
	if got := send(t, id, []string{key}, file{"a.txt", nil}); got.status != http.StatusOK {
		t.Errorf("with the key in memory: status %d, body %s", got.status, got.body)
	}
	if got := send(t, id, []string{"wrong"}, file{"b.txt", nil}); got.status == http.StatusOK {
		t.Errorf("with a wrong key: status %d", got.status)
	}
}

func TestColdStartWithoutSecretStoreIsA503AndThenARecovery(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	fault(t, "secrets", relay.Down)
	control(t, "/function/stop")
	unavailable(t, send(t, id, []string{key}, file{"a.txt", nil}))
	mend(t, "secrets")
	await(t, refreshWait, "uploads work again", func() bool {
		return send(t, id, []string{key}, file{"a.txt", nil}).status == http.StatusOK
	})
}

func TestFunctionStartsOnceAndIsUsedAgain(t *testing.T) {
	if stack.ColdStart == "" {
		t.Skipf("a cold start of %s cannot be told", stack.Name)
	}
	starts := func() int { return strings.Count(functionLog(t), stack.ColdStart) }
	id := conversation(t)
	control(t, "/function/stop")
	before := starts()
	for range 4 {
		upload(t, id, file{"a.txt", []byte("a")})
	}
	if got := starts() - before; got != 1 {
		t.Errorf("%d cold starts for four requests, want 1", got)
	}
}
