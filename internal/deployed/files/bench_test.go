package files_test

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"uploadfiles/internal/deployed/files/filestest"
)

// BenchmarkArchive writes text, which is compressed, as one file and as a thousand,
// and what is stored as it is.
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
	one := func(contentType string, data []byte) []filestest.Object {
		return []filestest.Object{{Key: dir + "a", Data: data, ContentType: contentType, Verified: true}}
	}
	var thousand []filestest.Object
	for i := range 1000 {
		from := i * 512
		thousand = append(thousand, filestest.Object{
			Key: fmt.Sprintf("%s%04d", dir, i), Data: text[from : from+10<<10], ContentType: "text/plain", Verified: true,
		})
	}
	for _, tt := range []struct {
		name    string
		objects []filestest.Object
	}{
		{"text", one("text/plain", text)},
		{"1000 texts of 10 KiB", thousand},
		{"image", one("image/png", random(b, len(text)))},
	} {
		b.Run(tt.name, func(b *testing.B) {
			var m filestest.Memory
			size := 0
			for _, o := range tt.objects {
				m.Put(o)
				size += len(o.Data)
			}
			f := newFiles(&m)
			var written int64
			b.SetBytes(int64(size))
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
			b.ReportMetric(float64(written)/float64(size), "written/byte")
		})
	}
}

// counter counts what is written.
type counter int64

func (c *counter) Write(p []byte) (int, error) {
	*c += counter(len(p))
	return len(p), nil
}
