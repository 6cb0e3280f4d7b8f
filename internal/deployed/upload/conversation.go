package upload

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxConversation is the longest conversation id, in characters.
const MaxConversation = 100

// What is wrong with a conversation id, in the words that the client gets.
var (
	ErrConversationLong    = errors.New("Conversation ID is too long")
	ErrConversationChar    = errors.New("Conversation ID contains invalid characters")
	ErrConversationPath    = errors.New("Conversation ID contains invalid path characters")
	ErrConversationControl = errors.New("Conversation ID contains control characters")
)

// Conversation is the id of a conversation, fit to be part of an object key:
// 1 to [MaxConversation] of A–Z a–z 0–9 . _ -, and neither "." nor "..".
// The zero value is no conversation.
type Conversation struct{ id string }

// ParseConversation checks an id as it stands in the path, percent-decoded once.
// Its errors are the ErrConversation values of this package.
func ParseConversation(id string) (Conversation, error) {
	switch {
	case utf8.RuneCountInString(id) > MaxConversation:
		return Conversation{}, ErrConversationLong
	case strings.ContainsRune(id, 0):
		return Conversation{}, ErrConversationChar
	case strings.Contains(id, "..") || strings.ContainsAny(id, `/\`):
		return Conversation{}, ErrConversationPath
	case strings.ContainsFunc(id, func(r rune) bool { return r < ' ' }):
		return Conversation{}, ErrConversationControl
	case id == "" || id == "." || strings.ContainsFunc(id, outsideAlphabet):
		return Conversation{}, ErrConversationChar
	}
	return Conversation{id}, nil
}

// String is the id itself.
func (c Conversation) String() string { return c.id }

func outsideAlphabet(r rune) bool {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return false
	}
	return r != '.' && r != '_' && r != '-'
}
