package mediatype_test

import (
	"bytes"
	"testing"

	"uploadfiles/internal/deployed/mediatype"
)

func BenchmarkSniff(b *testing.B) {
	files := []struct {
		name string
		data []byte
	}{
		{"photo.png", pngFile(b)},
		{"letter.docx", zipFile(b, "[Content_Types].xml", "_rels/.rels", "word/document.xml")},
		{"page.html", []byte("<!DOCTYPE html><html><body>")},
		{"log.txt", bytes.Repeat([]byte("a line of a log file\n"), 200_000)},
	}
	for _, file := range files {
		b.Run(file.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(file.data)))
			for b.Loop() {
				mediatype.Sniff(file.data, file.name)
			}
		})
	}
}
