//go:build !race

package road_test

import "time"

const (
	// lambdaTime is what an invocation has where a test wants it to run out.
	lambdaTime = 3 * time.Second

	// patience is how long after that an answer may still come.
	patience = 0
)
