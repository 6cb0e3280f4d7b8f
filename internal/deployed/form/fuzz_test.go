package form_test

import (
	"bytes"
	"errors"
	"io"
	"mime/multipart"
	"os"
	"testing"
	"unsafe"

	"uploadfiles/internal/deployed/form"
)

// What is accepted lies inside the body, in order and within the limits, and
// ends at a closing delimiter. mime/multipart reads it as the same parts, but
// for what it has to be helped with:
//
//   - It calls an epilogue an error that begins on the line of the closing
//     delimiter, so it is given the form without its epilogue.
//   - It takes a lone carriage return before the form for a preamble, so it is
//     given the form without its leading line breaks.
//   - It refuses control characters in header lines, so it is given others.
//   - It refuses an empty boundary, even if there are no parts.
//
// And cut anywhere before the end of its closing delimiter it is an error.
func FuzzParse(f *testing.F) {
	for _, v := range formVectors() {
		if len(v.Request.Body) < 10_000 { // bigger ones make fuzzing slow
			f.Add(v.Request.Headers["content-type"], v.Request.Body, uint(0))
		}
	}
	for _, r := range recordings(f) {
		f.Add(r.ContentType, r.Body, uint(1000))
	}
	cases, err := os.ReadFile(writtenCases)
	if err != nil {
		f.Fatal(err)
	}
	for line := range bytes.Lines(cases) {
		c := decodeCase(f, line)
		f.Add(c.contentType, c.Body, uint(100))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte, cut uint) {
		m, err := form.ParseMedia(contentType)
		if err != nil {
			return
		}
		limits := form.Limits{Files: 5, Fields: 4}
		parts, err := form.Parse(body, m, limits)
		if err != nil {
			if parts != nil {
				t.Fatalf("%d parts beside the error %v", len(parts), err)
			}
			return
		}
		checkLimits(t, parts, limits)
		start := len(body) - len(bytes.TrimLeft(body, "\r\n"))
		if start == len(body) {
			return
		}
		end := checkPlaces(t, body, start, parts, m.Boundary())
		if m.Boundary() != "" {
			checkStandard(t, withoutControls(body, start, end, parts, m.Boundary()), parts, m.Boundary())
		}
		at := start + 1 + int(cut%uint(end-start-1))
		if _, err := form.Parse(body[:at], m, limits); err == nil {
			t.Fatalf("cut at %d of %d it is accepted", at, end)
		}
	})
}

func checkLimits(t *testing.T, parts []form.Part, limits form.Limits) {
	t.Helper()
	files, fields := 0, 0
	for _, p := range parts {
		if p.IsFile {
			files++
		} else {
			fields++
		}
	}
	if files > limits.Files || fields > limits.Fields {
		t.Fatalf("%d files and %d fields, want at most %+v", files, fields, limits)
	}
}

// checkPlaces checks that every part is a window onto the body, directly before
// a delimiter. It returns the end of the closing one.
func checkPlaces(t *testing.T, body []byte, start int, parts []form.Part, boundary string) int {
	t.Helper()
	delimiter := []byte("\r\n--" + boundary)
	end := start + len(delimiter) - len("\r\n")
	for i, p := range parts {
		at := place(body, p)
		if at < end || at+len(p.Body) > len(body) || cap(p.Body) != len(p.Body) {
			t.Fatalf("part %d is at %d, %d bytes with room for %d; the one before ends at %d of %d",
				i, at, len(p.Body), cap(p.Body), end, len(body))
		}
		end = at + len(p.Body) + len(delimiter)
		if !bytes.HasPrefix(body[at+len(p.Body):], delimiter) {
			t.Fatalf("part %d does not end at a delimiter", i)
		}
	}
	if !bytes.HasPrefix(body[end:], []byte("--")) {
		t.Fatalf("the closing delimiter is missing at %d", end)
	}
	return end + len("--")
}

// place returns where a part's body is in the form's.
func place(body []byte, p form.Part) int {
	return int(uintptr(unsafe.Pointer(unsafe.SliceData(p.Body))) - uintptr(unsafe.Pointer(unsafe.SliceData(body))))
}

// withoutControls returns the form from start to end, and in its header lines a
// space for every control character.
func withoutControls(body []byte, start, end int, parts []form.Part, boundary string) []byte {
	clean := bytes.Clone(body)
	at := start - len("\r\n")
	for _, p := range parts {
		header := clean[at+len("\r\n--"+boundary) : place(body, p)]
		for i, c := range header {
			if c < ' ' && c != '\r' && c != '\n' || c == 0x7f {
				header[i] = ' '
			}
		}
		at = place(body, p) + len(p.Body)
	}
	return clean[start:end]
}

func checkStandard(t *testing.T, body []byte, parts []form.Part, boundary string) {
	t.Helper()
	r := multipart.NewReader(bytes.NewReader(body), boundary)
	for i, p := range parts {
		theirs, err := r.NextRawPart()
		if err != nil {
			t.Fatalf("mime/multipart, part %d: %v", i, err)
		}
		content, err := io.ReadAll(theirs)
		if err != nil || !bytes.Equal(content, p.Body) {
			t.Fatalf("part %d is %q, for mime/multipart %q, err %v", i, p.Body, content, err)
		}
	}
	if _, err := r.NextRawPart(); !errors.Is(err, io.EOF) {
		t.Fatalf("mime/multipart, behind the last part: %v", err)
	}
}
