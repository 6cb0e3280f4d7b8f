package e2e_test

import (
	"strings"
	"testing"
)

// This file is the last by name, so that its test comes last and sees what all
// others have caused.
func TestLogHoldsNoKeyNoSignatureAndNoContent(t *testing.T) {
	id := conversation(t)
	const content = "this is what only the two of us may read"
	got := upload(t, id, file{"diary.txt", []byte(content)})
	_, query, _ := strings.Cut(got.FileURLs[0], "?")
	log := functionLog(t)
	if !strings.Contains(log, id) {
		t.Fatalf("the log does not tell of conversation %s", id)
	}
	for _, secret := range []string{sessionKey(t), content, query, "X-Amz-Signature", stack.SecretAccessKey + `"`} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}
