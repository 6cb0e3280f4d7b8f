package filename_test

import (
	"mime"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filename"
)

func TestAttachmentIsWrittenAsBrowsersReadIt(t *testing.T) {
	tests := []struct{ name, want string }{
		{"report.pdf", `attachment; filename="report.pdf"`},
		{"my report; v=2, (final).pdf", `attachment; filename="my report; v=2, (final).pdf"`},
		{"100%.txt", `attachment; filename="100%.txt"`},
		{"50%2Fx.txt", `attachment; filename="50_2Fx.txt"; filename*=UTF-8''50%252Fx.txt`},
		{"naïve plan.txt", `attachment; filename="na_ve plan.txt"; filename*=UTF-8''na%C3%AFve%20plan.txt`},
		{"日本.txt", `attachment; filename="__.txt"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.txt`},
		{"€ rates (it's).txt", `attachment; filename="_ rates (it's).txt"; filename*=UTF-8''%E2%82%AC%20rates%20%28it%27s%29.txt`},

		{"a\"; filename=\"evil.exe", `attachment; filename="a_; filename=_evil.exe"`},
		{`a\".txt`, `attachment; filename="_.txt"`},
		{"a\r\nX-Evil: 1.txt", `attachment; filename="aX-Evil_ 1.txt"`},
		{"../../etc/passwd", `attachment; filename="passwd"`},
		{"a/b/report.pdf", `attachment; filename="report.pdf"`},
		{".env", `attachment; filename=".env"`},
		{"invoice\u202efdp.exe", `attachment; filename="invoicefdp.exe"`},
		{"a\u2028b.txt", `attachment; filename="ab.txt"`},
		{"", `attachment; filename="unnamed"`},
	}
	for _, test := range tests {
		if got := filename.Attachment(test.name); got != test.want {
			t.Errorf("Attachment(%+q) = %s, want %s", test.name, got, test.want)
		}
		checkAttachment(t, test.name)
	}
}

func TestAttachmentOfTheLongestNameIsAShortHeader(t *testing.T) {
	got := filename.Attachment(strings.Repeat("漢", 100) + ".txt")
	if len(got) > 1024 {
		t.Errorf("Attachment has %d bytes, want at most 1024", len(got))
	}
}

var (
	oneLine = regexp.MustCompile(`^[ -~]+$`)
	escape  = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)
)

// checkAttachment fails the test where the header for a name is not one line of ASCII,
// or gives back another name than the safe one.
func checkAttachment(t *testing.T, name string) {
	t.Helper()
	value := filename.Attachment(name)
	if !oneLine.MatchString(value) {
		t.Errorf("Attachment(%+q) = %+q, want one line of ASCII", name, value)
	}
	kind, params, err := mime.ParseMediaType(value)
	want := map[string]string{"filename": filename.Base(filename.Safe(name, ""))}
	if diff := cmp.Diff(want, params); err != nil || kind != "attachment" || diff != "" {
		t.Errorf("Attachment(%+q) = %s, which reads as %q (%v):\n%s", name, value, kind, err, diff)
	}
	if plain, _, _ := strings.Cut(value, "; filename*="); escape.MatchString(plain) {
		t.Errorf("Attachment(%+q) = %s, whose plain name has an escape that some clients decode", name, value)
	}
}
