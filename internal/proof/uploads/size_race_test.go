//go:build race

package uploads_test

import "time"

// The race detector makes everything some ten times as slow, and the machine may
// be busy besides: then the tests are about races, and not about being in time.
const (
	lambdaTime = 12 * time.Second
	patience   = 20 * time.Second

	// More of the same shows no other race.
	manyFiles, rounds = 100, 5
)
