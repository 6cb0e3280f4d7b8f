package direct_test

import (
	"testing"

	"uploadfiles/internal/direct/directtest"
)

func TestTheMemoryStoreIsADirectStore(t *testing.T) {
	m := new(directtest.Memory)
	directtest.Run(t, m, m.Send, "conversations/c/")
}
