package upload_test

import (
	"errors"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/upload"
)

func TestParseConversation(t *testing.T) {
	tests := []struct {
		in   string
		want error
	}{
		{"abc123", nil},
		{"A-Z_a.z", nil},
		{"a", nil},
		{".hidden", nil},
		{strings.Repeat("a", 100), nil},
		{strings.Repeat("a", 101), upload.ErrConversationLong},
		{strings.Repeat("é", 100), upload.ErrConversationChar},
		{strings.Repeat("\x00", 101), upload.ErrConversationLong},
		{"", upload.ErrConversationChar},
		{".", upload.ErrConversationChar},
		{"..", upload.ErrConversationPath},
		{"a..b", upload.ErrConversationPath},
		{"a/b", upload.ErrConversationPath},
		{`a\b`, upload.ErrConversationPath},
		{"a\x00/../b", upload.ErrConversationChar},
		{"a\x1fb", upload.ErrConversationControl},
		{"a\nb", upload.ErrConversationControl},
		{"a\x7fb", upload.ErrConversationChar},
		{"a b", upload.ErrConversationChar},
		{"a+b", upload.ErrConversationChar},
		{"a%b", upload.ErrConversationChar},
		{"a~b", upload.ErrConversationChar},
		{"{conversation_id}", upload.ErrConversationChar},
		{"\xff", upload.ErrConversationChar},
	}
	for _, test := range tests {
		c, err := upload.ParseConversation(test.in)
		if !errors.Is(err, test.want) {
			t.Errorf("ParseConversation(%q) = %v, want %v", test.in, err, test.want)
		}
		if err == nil && c.String() != test.in {
			t.Errorf("ParseConversation(%q) is %q", test.in, c)
		}
	}
}

// An id that is accepted adds exactly one segment to a key.
func FuzzParseConversation(f *testing.F) {
	for _, id := range []string{"abc123", "..", "%2e%2e", "a/b", "a\\b", "\x00", "a b", "…", "."} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		c, err := upload.ParseConversation(id)
		if err != nil {
			return
		}
		if c.String() != id || id == "" || id == "." || len(id) > upload.MaxConversation || strings.Contains(id, "..") {
			t.Errorf("ParseConversation(%q) = %q", id, c)
		}
		for _, r := range id {
			if !strings.ContainsRune("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", r) {
				t.Errorf("ParseConversation(%q) accepts %q", id, r)
			}
		}
	})
}
