// Package localtest gives tests a stack of their own.
package localtest

import (
	"testing"

	"uploadfiles/internal/local"
)

// Start starts a stack that ends with the test. Dir and Notify may be left out:
// then its data end with the test as well, and its words go to the test's log.
// The first test to come builds the S3 server, which takes a minute or two.
func Start(t testing.TB, o local.Options) *local.Stack {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Notify == nil {
		o.Notify = t.Logf
	}
	stack, err := local.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	return stack
}
