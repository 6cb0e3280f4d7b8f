package mediatype_test

import (
	"regexp"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/mediatype"
)

var mediaType = regexp.MustCompile(`^[a-z]+/[a-z0-9.+-]+(; charset=utf-8)?$`)

// FuzzSniff looks for files whose type holds bytes of the file, and for pages that pass for something else.
func FuzzSniff(f *testing.F) {
	for _, data := range [][]byte{
		pngFile(f), jpegFile(f), gifFile(f), gzipFile(f), tarFile(f), zipFile(f, "[Content_Types].xml", "word/x"),
		[]byte("%PDF-1.4"), []byte(svgFile), utf16File(svgFile), []byte("a,b\n1,2\n"), []byte(`{"a":1}`),
		[]byte("<meta charset=\"x\r\ny\">"), []byte("<?xml version='1.0' encoding='x; y'?><html>"), []byte("ftypavif"),
	} {
		f.Add(data, "x.png")
		f.Add(data, "x.html")
	}
	f.Fuzz(func(t *testing.T, data []byte, name string) {
		kind := mediatype.Sniff(data, name)
		if !mediaType.MatchString(string(kind)) {
			t.Errorf("Sniff(%.80q, %q) = %q, which is no media type of ours", data, name, kind)
		}
		if byContent := mediatype.Sniff(data, ""); isActive(byContent) && byContent.Essence() != "text/xml" && byContent != kind {
			t.Errorf("Sniff(%.80q, %q) = %q, want %q as without the name", data, name, kind, byContent)
		}
		for _, start := range []string{"<html>", "\ufeff\n <!DOCTYPE html>", "<script>"} {
			page := mediatype.Sniff(append([]byte(start), data...), name)
			if page.Essence() != "text/html" {
				t.Errorf("Sniff(%q and %.80q, %q) = %q, want text/html", start, data, name, page)
			}
		}
		if strings.HasPrefix(string(kind), "image/") {
			rules, err := mediatype.ParseRules("image/*", "")
			if err != nil || rules.Check(name, kind) != nil {
				t.Errorf("Check(%q, %q) refuses a picture (%v)", name, kind, err)
			}
		}
	})
}
