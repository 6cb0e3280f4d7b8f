//go:build !race

package uploads_test

import (
	"runtime"
	"testing"

	"uploadfiles/internal/proof/bench/load"
)

// What one upload may allocate besides the event's own buffer, whatever its
// files' size: so many bytes and objects for the request, and for each file.
const (
	requestBytes, fileBytes     = 12 << 10, 52 << 10 // 64 KiB for one file
	requestObjects, fileObjects = 200, 600
)

// The race detector is left out: with it, pools forget on purpose.
func TestAnUploadAllocatesLittleWhateverItsSize(t *testing.T) {
	for _, size := range load.Sizes {
		a, event := benchApp(t), benchEvent(t, size)
		buffer := make([]byte, len(event))
		invoke := func() {
			copy(buffer, event)
			invokeOnce(t, a, buffer)
		}
		invoke() // what is made once
		const runs = 20
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			invoke()
		}
		runtime.ReadMemStats(&after)
		bytes := (after.TotalAlloc - before.TotalAlloc) / runs
		objects := (after.Mallocs - before.Mallocs) / runs
		if most := uint64(requestBytes + size.Files*fileBytes); bytes > most {
			t.Errorf("%s: an upload allocates %d bytes, want at most %d", size.Name, bytes, most)
		}
		if most := uint64(requestObjects + size.Files*fileObjects); objects > most {
			t.Errorf("%s: an upload allocates %d objects, want at most %d", size.Name, objects, most)
		}
	}
}
