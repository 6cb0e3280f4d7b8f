package mediatype_test

import (
	"strings"
	"testing"

	"uploadfiles/internal/deployed/mediatype"
)

func TestClaimedTakesTheNameBeforeTheDeclaredType(t *testing.T) {
	tests := []struct {
		name, declared string
		want           mediatype.Type
	}{
		{"film.mp4", "", "video/mp4"},
		{"FILM.MP4", "image/png", "video/mp4"},
		{"page.html", "video/mp4", "text/html"},
		{"a.svg", "", "image/svg+xml"},
		{"letter.docx", "application/zip", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
		{"a.tar.gz", "", "application/gzip"},
		{"a.exe", "image/png", "application/vnd.microsoft.portable-executable"},
		{"unknown.xyz", "video/mp4", "video/mp4"},
		{"none", "text/plain; charset=utf-8", "text/plain"},
		{"none", "IMAGE/JPG", "image/jpeg"},
		{"none", "application/x-gzip", "application/gzip"},
		{"none", "application/vnd.of.mine", "application/vnd.of.mine"},
		{"none", "", "application/octet-stream"},
		{"none", "video", "application/octet-stream"},
		{"none", "video/", "application/octet-stream"},
		{"none", "multipart/form-data", "application/octet-stream"},
		{"none", "*/*", "application/octet-stream"},
		{"none", "text/plain\r\nX-Evil: 1", "application/octet-stream"},
		{"none", "video/" + strings.Repeat("x", 200), "application/octet-stream"},
	}
	for _, test := range tests {
		if got := mediatype.Claimed(test.name, test.declared); got != test.want {
			t.Errorf("Claimed(%q, %q) = %q, want %q", test.name, test.declared, got, test.want)
		}
	}
}
