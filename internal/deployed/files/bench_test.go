package files_test

import (
	"os"
	"path/filepath"
	"testing"

	"uploadfiles/internal/deployed/files/filestest"
)

// BenchmarkArchive writes text, which is compressed, and what is stored as it is.
func BenchmarkArchive(b *testing.B) {
	var text []byte
	sources, err := filepath.Glob("../*/*.go")
	if err != nil {
		b.Fatal(err)
	}
	for _, path := range sources {
		source, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		text = append(text, source...)
	}
	for contentType, data := range map[string][]byte{"text/plain": text, "image/png": random(b, len(text))} {
		b.Run(contentType, func(b *testing.B) {
			var m filestest.Memory
			m.Put(filestest.Object{Key: dir + "a", Data: data, ContentType: contentType, Verified: true})
			f := newFiles(&m)
			var written int64
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				a, err := f.Archive(b.Context(), conversation(b, "c"))
				if err != nil {
					b.Fatal(err)
				}
				out := counter(0)
				if _, err := a.WriteTo(b.Context(), &out); err != nil {
					b.Fatal(err)
				}
				written = int64(out)
			}
			b.ReportMetric(float64(written)/float64(len(data)), "written/byte")
		})
	}
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
