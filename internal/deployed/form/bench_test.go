package form_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/form"
)

// boundary is as long as the ones of browsers.
const boundary = "----WebKitFormBoundary7MA4YWxkTrZu0gW9"

// bodyOf frames files of these contents as a browser does.
func bodyOf(contents ...[]byte) []byte {
	var b bytes.Buffer
	for _, c := range contents {
		b.WriteString("--" + boundary + "\r\n" +
			`Content-Disposition: form-data; name="files"; filename="report.bin"` + "\r\n" +
			"Content-Type: application/octet-stream\r\n\r\n")
		b.Write(c)
		b.WriteString("\r\n")
	}
	b.WriteString("--" + boundary + "--\r\n")
	return b.Bytes()
}

func noise(size int) []byte {
	random := rand.NewChaCha8([32]byte{})
	b := make([]byte, size)
	_, _ = random.Read(b)
	return b
}

func BenchmarkParse(b *testing.B) {
	const size = 4 << 20
	repeat := func(s string) []byte { return []byte(strings.Repeat(s, size/len(s))) }
	third := noise(size / 3)
	for _, bb := range []struct {
		name string
		body []byte
	}{
		{"ThreeFiles", bodyOf(third, third, third)},
		{"Text", bodyOf(repeat("a line of a text file, as most are\r\n"))},
		{"LineFeeds", bodyOf(repeat("\n"))},
		{"LineEnds", bodyOf(repeat("\r\n"))},
		{"AlmostDelimiters", bodyOf(repeat("\r\n--" + boundary[:len(boundary)-1]))},
		{"LongerBoundaries", bodyOf(repeat("\r\n--" + boundary + "x"))},
		{"ThousandFiles", bodyOf(slicesOf(1000, noise(4000))...)},
	} {
		b.Run(bb.name, func(b *testing.B) {
			m := media(b, boundary)
			b.SetBytes(int64(len(bb.body)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := form.Parse(bb.body, m, form.Limits{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func slicesOf(n int, content []byte) [][]byte {
	all := make([][]byte, n)
	for i := range all {
		all[i] = content
	}
	return all
}

func media(tb testing.TB, boundary string) form.Media {
	tb.Helper()
	m, err := form.ParseMedia(`multipart/form-data; boundary="` + boundary + `"`)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}
