package main_test

import (
	"testing"

	"uploadfiles/internal/proof/binarytest"
)

func TestTheBinaryIsSmall(t *testing.T) {
	binarytest.IsSmall(t, binarytest.Build(t, "FilesFunction"))
}

func TestTheBinaryHoldsNothingThatItDoesNotNeed(t *testing.T) {
	binarytest.HoldsOnlyWhatItNeeds(t, nil)
}
