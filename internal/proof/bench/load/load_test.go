package load_test

import (
	"bytes"
	"testing"

	"uploadfiles/internal/proof/bench/load"
)

func TestContentIsTheSameEachTimeAndDiffersBetweenFiles(t *testing.T) {
	for _, size := range load.Sizes {
		content := size.Content(0)
		if len(content) != size.Bytes || !bytes.Equal(content, size.Content(0)) {
			t.Errorf("%s: %d bytes, want the same %d each time", size.Name, len(content), size.Bytes)
		}
		if bytes.Equal(content, size.Content(1)) {
			t.Errorf("%s: two files have the same content", size.Name)
		}
	}
}

func TestSizesAreFoundByName(t *testing.T) {
	for _, size := range load.Sizes {
		if got, err := load.ByName(size.Name); err != nil || got != size {
			t.Errorf("ByName(%q) = %v, %v", size.Name, got, err)
		}
	}
	if _, err := load.ByName("none"); err == nil {
		t.Error("an unknown size is found")
	}
}

func TestConversationsHaveOneLength(t *testing.T) {
	if got, want := len(load.Conversation(123_456)), len(load.Conversation(0)); got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}
}
