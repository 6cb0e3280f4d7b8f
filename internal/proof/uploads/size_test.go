//go:build !race

package uploads_test

import "time"

const (
	// lambdaTime is what an invocation has where a test wants it to run out.
	lambdaTime = 3 * time.Second

	// patience is how long after that an answer may still come.
	patience = 0

	// manyFiles is from where on a vector is sent in one way only, and rounds is how
	// often a test repeats what might leave something behind.
	manyFiles, rounds = 1 << 20, 25
)
