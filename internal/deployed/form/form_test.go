package form_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/form"
)

// simple is a form of these parts, each its header lines, a blank line and its
// content.
func simple(parts ...string) []byte {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--B\r\n" + p + "\r\n")
	}
	b.WriteString("--B--\r\n")
	return []byte(b.String())
}

func fileOf(name, content string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"files\"; filename=\"%s\"\r\n\r\n%s", name, content)
}

func fieldOf(name, content string) string {
	return fmt.Sprintf("Content-Disposition: form-data; name=\"%s\"\r\n\r\n%s", name, content)
}

func repeat(part string, n int) []string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = part
	}
	return parts
}

func TestParseHandsOutPartsInOrder(t *testing.T) {
	body := simple(
		fieldOf("note", "hi"),
		"Content-Type: image/png; x=1\r\n"+fileOf("dir/a.png", "\x00\xff\r\n"),
		fileOf("", ""),
	)
	parts, err := form.Parse(body, media(t, "B"), form.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	type part struct {
		Name        string
		IsFile      bool
		Filename    string
		ContentType string
		Body        string
	}
	var got []part
	for _, p := range parts {
		got = append(got, part{p.Name, p.IsFile, p.Filename, p.ContentType, string(p.Body)})
	}
	want := []part{
		{"note", false, "", "", "hi"},
		{"files", true, "dir/a.png", "image/png; x=1", "\x00\xff\r\n"},
		{"files", true, "", "", ""},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
}

func TestFormsWithoutPartsAreNoError(t *testing.T) {
	for _, body := range []string{"", "\r\n", "\n\r\n", "--B--", "--B--\r\n", "\r\n--B--epilogue"} {
		parts, err := form.Parse([]byte(body), media(t, "B"), form.Limits{})
		if len(parts) != 0 || err != nil {
			t.Errorf("Parse(%q) = %d parts, err %v; want none and no error", body, len(parts), err)
		}
	}
}

// However much of the delimiter is in a file: it is content, and does not hide
// the delimiter that follows.
func TestLinesThatBeginAsADelimiterAreContent(t *testing.T) {
	long := strings.Repeat("0123456789", form.MaxBoundary/10)
	for n := range len(long) {
		content := "1\r\n--" + long[:n]
		body := strings.ReplaceAll(string(simple(fileOf("a", content), fileOf("b", "2"))), "--B", "--"+long)
		parts, err := form.Parse([]byte(body), media(t, long), form.Limits{})
		if err != nil || len(parts) != 2 || string(parts[0].Body) != content {
			t.Errorf("with %d letters of the boundary: %d parts, err %v", n, len(parts), err)
		}
	}
}

// A caller that appends to one file must not write into the next.
func TestBodiesHaveNoRoomToGrow(t *testing.T) {
	body := simple(fileOf("a", "1"), fileOf("b", "2"))
	before := bytes.Clone(body)
	parts, err := form.Parse(body, media(t, "B"), form.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range parts {
		_ = append(p.Body, "overwritten"...)
	}
	if !bytes.Equal(before, body) {
		t.Errorf("the form is now %q", body)
	}
}

func TestParseMediaRefusesBeforeTheBodyIsRead(t *testing.T) {
	for _, tt := range []struct {
		contentType string
		want        error
	}{
		{"", form.ErrNotForm},
		{"text/plain", form.ErrNotForm},
		{"multipart/mixed; boundary=B", form.ErrNotForm},
		{"multipart/mixed; boundary=B", form.ErrOtherMultipart},
		{"Multipart/Related", form.ErrOtherMultipart},
		{"multipart/form-data, multipart/form-data; boundary=B", form.ErrNotForm},
		{"multipart/form-data", form.ErrNoBoundary},
		{"multipart/form-data; charset=utf-8", form.ErrNoBoundary},
		{"multipart/form-data; boundary=B; boundary=C", form.ErrMalformed},
		{"multipart/form-data; boundary*=''B; boundary*0=B", form.ErrMalformed},
		{"multipart/form-data; boundary=B; charset*=a; charset*=b", form.ErrMalformed},
		{"multipart/form-data; boundary=" + strings.Repeat("B", form.MaxBoundary+1), form.ErrMalformed},
		{"multipart/form-data; boundary*=''B%0D%0A--C", form.ErrMalformed},
		{"multipart/form-data; boundary=" + strings.Repeat("B", form.MaxBoundary), nil},
		{"multipart/form-data; boundary=B; boundary=B", nil},
	} {
		if _, err := form.ParseMedia(tt.contentType); !errors.Is(err, tt.want) {
			t.Errorf("ParseMedia(%q): err = %v, want %v", tt.contentType, err, tt.want)
		}
	}
}

func TestLimits(t *testing.T) {
	header := func(lines int) string {
		return strings.Repeat("X: y\r\n", lines-1) + fileOf("a", "1")
	}
	wide := func(size int) string {
		rest := len("X: \r\n") + len(fileOf("a", ""))
		return "X: " + strings.Repeat("y", size-rest) + "\r\n" + fileOf("a", "1")
	}
	for _, tt := range []struct {
		name   string
		limits form.Limits
		parts  []string
		want   error
	}{
		{"files by default", form.Limits{}, repeat(fileOf("a", ""), form.DefaultFiles), nil},
		{"one file more", form.Limits{}, repeat(fileOf("a", ""), form.DefaultFiles+1), form.ErrTooManyFiles},
		{"fields by default", form.Limits{}, repeat(fieldOf("a", ""), form.DefaultFields), nil},
		{"one field more", form.Limits{}, repeat(fieldOf("a", ""), form.DefaultFields+1), form.ErrTooManyFields},
		{"files as set", form.Limits{Files: 2}, repeat(fileOf("a", ""), 2), nil},
		{"one file more than set", form.Limits{Files: 2}, repeat(fileOf("a", ""), 3), form.ErrTooManyFiles},
		{"fields as set", form.Limits{Fields: 2}, repeat(fieldOf("a", ""), 2), nil},
		{"one field more than set", form.Limits{Fields: 2}, repeat(fieldOf("a", ""), 3), form.ErrTooManyFields},
		{"each kind up to its limit", form.Limits{Files: 1, Fields: 1}, []string{fieldOf("a", ""), fileOf("a", "")}, nil},
		{"lines of a header", form.Limits{}, []string{header(form.MaxHeaderLines)}, nil},
		{"one line more", form.Limits{}, []string{header(form.MaxHeaderLines + 1)}, form.ErrMalformed},
		{"bytes of a header", form.Limits{}, []string{wide(form.MaxHeader)}, nil},
		{"one byte more", form.Limits{}, []string{wide(form.MaxHeader + 1)}, form.ErrMalformed},
		{"bytes of a field", form.Limits{}, []string{fieldOf("a", strings.Repeat("x", form.MaxField))}, nil},
		{"one byte more in a field", form.Limits{}, []string{fieldOf("a", strings.Repeat("x", form.MaxField+1))}, form.ErrFieldTooLarge},
		{"one byte more in a file", form.Limits{}, []string{fileOf("a", strings.Repeat("x", form.MaxField+1))}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			parts, err := form.Parse(simple(tt.parts...), media(t, "B"), tt.limits)
			if !errors.Is(err, tt.want) {
				t.Fatalf("err = %v, want %v", err, tt.want)
			}
			if want := len(tt.parts); err == nil && len(parts) != want {
				t.Errorf("%d parts, want %d", len(parts), want)
			}
			if err != nil && parts != nil {
				t.Errorf("%d parts beside an error", len(parts))
			}
		})
	}
}

func TestFirstErrorWins(t *testing.T) {
	unnamed := "Content-Type: text/plain\r\n\r\n1"
	for _, tt := range []struct {
		name string
		body []byte
		want error
	}{
		{"unnamed, then cut", simple(unnamed)[:30], form.ErrMalformed},
		{"unnamed, its content cut", simple(unnamed)[:34], form.ErrNoName},
		{"unnamed, then one file too many", simple(unnamed, fileOf("a", ""), fileOf("b", "")), form.ErrNoName},
		{"one file too many, then unnamed", simple(fileOf("a", ""), fileOf("b", ""), unnamed), form.ErrTooManyFiles},
	} {
		_, err := form.Parse(tt.body, media(t, "B"), form.Limits{Files: 1})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: err = %v, want %v", tt.name, err, tt.want)
		}
	}
}

func TestErrorsNameThePartAndNoBytesOfTheClient(t *testing.T) {
	const secret = "s3cret"
	for _, tt := range []struct {
		name string
		last string
		want string
	}{
		{"header", secret, "part 3: malformed form: not a header line"},
		{"folded", "X: " + secret + "\r\n " + secret + "\r\n\r\n", "part 3: malformed form: not a header line"},
		{"name", "Content-Disposition: x; name=" + secret + "; name=other\r\n\r\n", "part 3: malformed form: a parameter with two values"},
		{"no name", "Content-Disposition: " + secret + "\r\n\r\n", "part 3: form part without a name"},
		{"file name", "Content-Disposition: x; name=a; filename*=" + secret + "; filename*=b\r\n\r\n",
			"part 3: malformed form: pieces of a parameter that do not fit"},
		{"content", fileOf(secret, secret+"\r\n--B "+secret), "part 3: malformed form: a line that is almost a delimiter"},
	} {
		body := simple(fileOf("a", ""), fieldOf("b", ""), tt.last)
		_, err := form.Parse(body, media(t, "B"), form.Limits{})
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s: err = %v, want %s", tt.name, err, tt.want)
		}
	}
	boundary := "multipart/form-data; boundary=B; boundary=" + secret
	if _, err := form.ParseMedia(boundary); err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("ParseMedia(%q): err = %v, want one without the boundary", boundary, err)
	}
}

func TestTextIsReadInTheCharsetOfTheForm(t *testing.T) {
	for _, tt := range []struct{ charset, sent, want string }{
		{"utf-8", "é", "é"},
		{"utf-8", "\xe9", "é"},
		{"iso-8859-1", "\xe9", "é"},
		{"iso-8859-1", "é", "Ã©"},
		{"shift_jis", "é", "é"},
	} {
		contentType := "multipart/form-data; boundary=B; charset=" + tt.charset
		parts, err := parse(contentType, simple(fieldOf("a", tt.sent)))
		if err != nil {
			t.Fatal(err)
		}
		if got := parts[0].Text(); got != tt.want {
			t.Errorf("%s: Text() of %q = %q, want %q", tt.charset, tt.sent, got, tt.want)
		}
	}
}

func TestThreeFilesAllocateUnder8KB(t *testing.T) {
	third := noise(4 << 20 / 3)
	body := bodyOf(third, third, third)
	m := media(t, boundary)
	got := allocated(func() {
		if parts, err := form.Parse(body, m, form.Limits{}); len(parts) != 3 || err != nil {
			t.Errorf("%d parts, err %v", len(parts), err)
		}
	})
	if got >= 8000 {
		t.Errorf("%d bytes allocated, want under 8000", got)
	}
}

func TestManyPartsAllocateUnder1MB(t *testing.T) {
	const size = 4_500_000
	for _, tt := range []struct {
		name string
		part string
		want error
	}{
		{"empty parts", "--B\r\n\r\n\r\n", form.ErrNoName},
		{"shortest fields", "--B\r\nContent-Disposition:;name\r\n\r\n\r\n", form.ErrTooManyFields},
		{"shortest files", "--B\r\nContent-Disposition:;name;filename\r\n\r\n\r\n", form.ErrTooManyFiles},
	} {
		body := []byte(strings.Repeat(tt.part, size/len(tt.part)) + "--B--\r\n")
		m := media(t, "B")
		got := allocated(func() {
			if _, err := form.Parse(body, m, form.Limits{}); !errors.Is(err, tt.want) {
				t.Errorf("%s: err = %v, want %v", tt.name, err, tt.want)
			}
		})
		if got >= 1_000_000 {
			t.Errorf("%s: %d bytes allocated, want under 1,000,000", tt.name, got)
		}
	}
}

// allocated returns how many bytes f takes from the heap.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Netty writes the delimiter twice before a part that holds all files.
func TestFilesInsideOfAPartAreToldApart(t *testing.T) {
	nested := "Content-Disposition: form-data; name=\"files\"\r\nContent-Type: Multipart/Mixed; boundary=C\r\n\r\n" +
		"--C\r\nContent-Disposition: attachment; filename=\"a\"\r\n\r\n1\r\n--C--\r\n"
	for _, tt := range []struct {
		name string
		body []byte
		want error
	}{
		{"delimiter twice, nested", append([]byte("--B\r\n"), simple(nested)...), form.ErrNested},
		{"delimiter twice, a file", append([]byte("--B\r\n"), simple(fileOf("a", "1"))...), form.ErrMalformed},
		{"delimiter twice, no name", append([]byte("--B\r\n"), simple("X: y\r\n\r\n1")...), form.ErrMalformed},
		{"delimiter three times, nested", append([]byte("--B\r\n--B\r\n"), simple(nested)...), form.ErrMalformed},
		{"nested", simple(nested), nil},
	} {
		parts, err := form.Parse(tt.body, media(t, "B"), form.Limits{})
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: err = %v, want %v", tt.name, err, tt.want)
		}
		if err == nil && !parts[0].IsNested() {
			t.Errorf("%s: IsNested() = false", tt.name)
		}
	}
}

func TestOnlyTextsOfTheTypeMultipartAreNested(t *testing.T) {
	for _, part := range []string{fieldOf("a", "1"), "Content-Type: text/plain\r\n" + fieldOf("a", "1"), "Content-Type: multipart/mixed\r\n" + fileOf("a.eml", "1")} {
		parts, err := form.Parse(simple(part), media(t, "B"), form.Limits{})
		if err != nil || parts[0].IsNested() {
			t.Errorf("%q: IsNested() = true, err %v", part, err)
		}
	}
}
