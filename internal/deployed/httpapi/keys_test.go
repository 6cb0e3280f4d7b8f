package httpapi_test

import (
	"context"

	"uploadfiles/internal/deployed/session"
)

// oneKey opens the conversation "c".
type oneKey string

func (k oneKey) Check(_ context.Context, conversation, key string) error {
	if conversation != "c" || key != string(k) {
		return session.ErrDenied
	}
	return nil
}
