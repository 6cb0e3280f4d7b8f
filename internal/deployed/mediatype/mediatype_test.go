package mediatype_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/mediatype"
)

func TestSniffKnowsAFileByItsContent(t *testing.T) {
	tests := []struct {
		name string
		data []byte
		want mediatype.Type
	}{
		{"PNG", pngFile(t), "image/png"},
		{"JPEG", jpegFile(t), "image/jpeg"},
		{"GIF", gifFile(t), "image/gif"},
		{"PDF", []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), "application/pdf"},
		{"PDF after what a printer adds", []byte("\x1b%-12345X@PJL JOB\r\n%PDF-1.4\n"), "application/pdf"},
		{"zip", zipFile(t, "a.txt"), "application/zip"},
		{"Word document", zipFile(t, "[Content_Types].xml", "_rels/.rels", "word/document.xml"), docx},
		{"gzip", gzipFile(t), "application/gzip"},
		{"tar", tarFile(t), "application/x-tar"},
		{"Windows program", []byte("MZ\x90\x00\x03\x00\x00\x00"), "application/vnd.microsoft.portable-executable"},
		{"unknown bytes", []byte("\x00\x01\x02\x03"), "application/octet-stream"},

		{"text", []byte("Hello\n"), utf8Text},
		{"Japanese text", []byte("こんにちは\n"), utf8Text},
		{"Latin-1 text", []byte("caf\xe9\n"), "text/plain"},
		{"text that ends in another encoding", append(bytes.Repeat([]byte("word "), 2000), 0xe9), "text/plain"},
		{"text with a byte order mark", []byte("\ufeffHello\n"), utf8Text},
		{"text in UTF-16", utf16File("Hello\n"), "text/plain"},
		{"text in UTF-16 about PDF", utf16File("%PDF-1.7 is how it begins\n"), "text/plain"},
		{"empty", nil, utf8Text},
		{"JSON", []byte(`{"a": [1, 2]}`), "application/json"},
		{"CSV", []byte("a,b\n1,2\n"), "text/csv; charset=utf-8"},

		{"HTML", []byte("<!DOCTYPE html><title>x</title>"), html},
		{"HTML after a byte order mark", []byte("\ufeff<html><script>"), html},
		{"HTML after a byte order mark and space", []byte("\ufeff \r\n\t<html>"), html},
		{"HTML in UTF-16, little end first", utf16File("<html><script>x</script>"), "text/html"},
		{"HTML in UTF-16, big end first", []byte("\xfe\xff\x00<\x00h\x00t\x00m\x00l\x00>"), "text/html"},
		{"script", []byte("<script>alert(1)</script>"), html},
		{"HTML with binary in it", []byte("<html>\x00\x01<script>"), html},
		{"HTML that names a charset", []byte("<html><meta charset=\"x\r\nSet-Cookie: y\">"), html},
		{"XML", []byte(`<?xml version="1.0"?><a/>`), "text/xml; charset=utf-8"},
		{"XHTML", []byte(`<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml">`), "application/xhtml+xml"},
		{"SVG", []byte(svgFile), "image/svg+xml"},
		{"SVG after an XML declaration", []byte(`<?xml version="1.0"?>` + svgFile), "image/svg+xml"},
		{"SVG in UTF-16", utf16File(svgFile), "image/svg+xml"},
		{"PHP", []byte("<?php system($_GET[0]);"), "text/x-php; charset=utf-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mediatype.Sniff(test.data, ""); got != test.want {
				t.Errorf("Sniff(%.40q) = %q, want %q", test.data, got, test.want)
			}
		})
	}
}

func TestSniffTakesAPolyglotForWhatItBeginsAs(t *testing.T) {
	withPNG := append([]byte("<html><script>x</script>"), pngFile(t)...)
	inTar := tarFile(t)
	copy(inTar, "<script>x</script>")
	tests := []struct {
		name string
		data []byte
		want string
	}{
		{"script in a GIF", []byte("GIF89a/*<script>*/=1;alert(1)</script>"), "image/gif"},
		{"script behind a PNG", append(pngFile(t), "<script>alert(1)</script>"...), "image/png"},
		{"page behind a PDF", []byte("%PDF-1.4\n<html><script>alert(1)</script>"), "application/pdf"},
		{"PDF in a page", []byte("<html><!-- %PDF-1.4 --><script>alert(1)</script>"), "text/html"},
		{"PDF in an attribute", []byte("<a href='%PDF-1.4'>"), "text/html"},
		{"PDF in a page after spaces", []byte("\n\n  <!-- %PDF-1.4 --><script>"), "text/html"},
		{"PDF in XHTML", []byte("<?xml version='1.0'?><!-- %PDF-1.4 --><html xmlns='http://www.w3.org/1999/xhtml'>"), "text/html"},
		{"AVIF in a comment", append([]byte("<!--ftypavif\x00\x00\x00\x00avif--><script>"), 0), "text/html"},
		{"PNG in a page", withPNG, "text/html"},
		{"tar that begins with a script", inTar, "text/html"},
		{"zip behind a page", append([]byte("<html>"), zipFile(t, "a.txt")...), "text/html"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, name := range []string{"x.png", "x.html", "x.pdf", "x"} {
				if got := mediatype.Sniff(test.data, name).Essence(); got != test.want {
					t.Errorf("Sniff(%.40q, %q) = %q, want %q", test.data, name, got, test.want)
				}
			}
		})
	}
}

func TestSniffLetsTheNameTellLikeTypesApart(t *testing.T) {
	ole := "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1" + strings.Repeat("\x00", 600)
	tests := []struct {
		data, name string
		want       mediatype.Type
	}{
		{"# Title\n", "README.md", "text/markdown; charset=utf-8"},
		{"# Title\n", "README.MD", "text/markdown; charset=utf-8"},
		{"a;b\n", "table.csv", "text/csv; charset=utf-8"},
		{"a,b\nc,d\n", "letter.txt", utf8Text},
		{"a,b\nc,d\n", "notes.md", "text/markdown; charset=utf-8"},
		{"a,b\nc,d\n", "table.csv.bak", "text/csv; charset=utf-8"},
		{"hello", "page.html", html},
		{"hello", "page.HTM", html},
		{"alert(1)", "code.js", "text/javascript; charset=utf-8"},
		{"<svg onload='alert(1)'/>", "picture.svg", "image/svg+xml"},
		{"<?xml version='1.0'?><!-- long --><svg/>", "picture.svg", "image/svg+xml"},
		{"42", "answer.json", "application/json"},
		{`{"a":1}`, "log.jsonl", "application/x-ndjson"},
		{"print(1)", "code.py", utf8Text},
		{"", "empty.csv", "text/csv; charset=utf-8"},
		{string(zipFile(t, "x")), "letter.docx", docx},
		{string(zipFile(t, "x")), "letter.zip", "application/zip"},
		{ole, "letter.doc", "application/msword"},
		{ole, "letter", "application/x-ole-storage"},
	}
	for _, test := range tests {
		if got := mediatype.Sniff([]byte(test.data), test.name); got != test.want {
			t.Errorf("Sniff(%.40q, %q) = %q, want %q", test.data, test.name, got, test.want)
		}
	}
}

func TestSniffLetsNoNameContradictTheContent(t *testing.T) {
	tests := []struct {
		data []byte
		name string
		want string
	}{
		{[]byte("<html><script>"), "x.png", "text/html"},
		{[]byte("<html><script>"), "x.txt", "text/html"},
		{[]byte("<html><script>"), "README.md", "text/html"},
		{[]byte("just text"), "x.png", "text/plain"},
		{[]byte("just text"), "x.pdf", "text/plain"},
		{[]byte("just text"), "x.docx", "text/plain"},
		{[]byte("\x00\x01\x02"), "x.png", "application/octet-stream"},
		{[]byte("\x00\x01\x02"), "x.html", "application/octet-stream"},
		{[]byte("MZ\x90\x00\x03\x00\x00\x00"), "x.pdf", "application/vnd.microsoft.portable-executable"},
		{pngFile(t), "x.html", "image/png"},
		{pngFile(t), "x.jpg", "image/png"},
		{zipFile(t, "a.txt"), "x.png", "application/zip"},
		{zipFile(t, "a.txt"), "x.html", "application/zip"},
		{[]byte(`{"a": "<script>"}`), "x.html", "application/json"},
	}
	for _, test := range tests {
		if got := mediatype.Sniff(test.data, test.name).Essence(); got != test.want {
			t.Errorf("Sniff(%.40q, %q) = %q, want %q", test.data, test.name, got, test.want)
		}
	}
}

// The files that come with Go are many variants of few formats, made by many programs.
func TestSniffKnowsTheFilesThatComeWithGo(t *testing.T) {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Skipf("no go command: %v", err)
	}
	src := filepath.Join(strings.TrimSpace(string(root)), "src")
	tests := []struct {
		pattern string
		want    mediatype.Type
	}{
		{"image/testdata/*.png", "image/png"},
		{"image/testdata/*.jpeg", "image/jpeg"},
		{"image/testdata/*.gif", "image/gif"},
		{"archive/zip/testdata/time-*.zip", "application/zip"},
		{"archive/zip/testdata/utf8-*.zip", "application/zip"},
		{"archive/tar/testdata/ustar*.tar", "application/x-tar"},
		{"compress/bzip2/testdata/*.bz2", "application/x-bzip2"},
	}
	for _, test := range tests {
		files, err := filepath.Glob(filepath.Join(src, filepath.FromSlash(test.pattern)))
		if err != nil || len(files) == 0 {
			t.Skipf("this Go comes without %s (%v)", test.pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if got := mediatype.Sniff(data, filepath.Base(file)); got != test.want {
				t.Errorf("Sniff of %s = %q, want %q", file, got, test.want)
			}
		}
	}
}

func TestActiveIsWhatABrowserRuns(t *testing.T) {
	active := []mediatype.Type{
		html, "text/html", "text/xml", "text/javascript; charset=utf-8", "application/xhtml+xml",
		"image/svg+xml", "application/rss+xml", "message/rfc822",
	}
	for _, kind := range active {
		if !isActive(kind) {
			t.Errorf("%q is not active, want it to be", kind)
		}
	}
	for _, kind := range []mediatype.Type{utf8Text, "image/png", "application/pdf", "application/json", "text/csv", docx, ""} {
		if isActive(kind) {
			t.Errorf("%q is active, want it not to be", kind)
		}
	}
}

func TestSniffOfABinaryFileAllocatesNothing(t *testing.T) {
	data := pngFile(t)
	if n := testing.AllocsPerRun(100, func() { mediatype.Sniff(data, "x.png") }); n != 0 {
		t.Errorf("Sniff of a PNG allocates %v times, want 0", n)
	}
}

const (
	utf8Text = "text/plain; charset=utf-8"
	html     = "text/html; charset=utf-8"
	docx     = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	svgFile  = `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`
)

func pngFile(t testing.TB) []byte {
	var b bytes.Buffer
	check(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8))))
	return b.Bytes()
}

func jpegFile(t testing.TB) []byte {
	var b bytes.Buffer
	check(t, jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	return b.Bytes()
}

func gifFile(t testing.TB) []byte {
	var b bytes.Buffer
	check(t, gif.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil))
	return b.Bytes()
}

func zipFile(t testing.TB, names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		f, err := w.Create(name)
		check(t, err)
		_, err = f.Write([]byte("content"))
		check(t, err)
	}
	check(t, w.Close())
	return b.Bytes()
}

func gzipFile(t testing.TB) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte("content"))
	check(t, err)
	check(t, w.Close())
	return b.Bytes()
}

func tarFile(t testing.TB) []byte {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	check(t, w.WriteHeader(&tar.Header{Name: "a.txt", Mode: 0o600}))
	check(t, w.Close())
	return b.Bytes()
}

// utf16File returns ASCII text in UTF-16 with a byte order mark, little end first.
func utf16File(text string) []byte {
	data := []byte{0xFF, 0xFE}
	for i := range len(text) {
		data = append(data, text[i], 0)
	}
	return data
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
