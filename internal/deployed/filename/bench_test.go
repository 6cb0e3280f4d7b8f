package filename_test

import (
	"strings"
	"testing"

	"uploadfiles/internal/deployed/filename"
)

func BenchmarkSafe(b *testing.B) {
	names := []struct{ name, in string }{
		{"ascii", "Quarterly report (final) v2.pdf"},
		{"japanese", "日本語のファイル名.txt"},
		{"decomposed", "re\u0301sume\u0301.pdf"},
		{"hostile 8 KiB", strings.Repeat("a\u0301\u200d\u202e<", 800)},
	}
	for _, name := range names {
		b.Run(name.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				filename.Safe(name.in, "")
			}
		})
	}
}

func BenchmarkAttachment(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		filename.Attachment("日本語のファイル名.txt")
	}
}
