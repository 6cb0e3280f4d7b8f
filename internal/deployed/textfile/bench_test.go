package textfile_test

import (
	"bytes"
	"testing"

	"uploadfiles/internal/deployed/textfile"
)

// A text of 1 MiB is the largest that select-file shows.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"german.utf-8", "german.windows-1252.csv", "russian.koi8-r.txt", "chinese.gb18030.csv", "note.utf-16le.txt", "unknown/lithuanian.windows-1257.csv"} {
		data := read(b, name)
		data = bytes.Repeat(data, 1<<20/len(data))
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				_, _ = textfile.Decode(data)
			}
		})
	}
}
