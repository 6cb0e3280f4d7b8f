package main

import (
	"testing"
	"time"
)

// A short soak finds nothing wrong, and ends.
func TestAShortSoakEndsWell(t *testing.T) {
	if testing.Short() {
		t.Skip("it uploads for some seconds")
	}
	if err := run(t.Context(), time.Second, 4); err != nil {
		t.Error(err)
	}
}
