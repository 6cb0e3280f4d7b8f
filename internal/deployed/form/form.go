// Package form reads multipart/form-data bodies within limits.
//
// A body is in memory already, so a part is a window onto it: nothing is copied,
// and no buffer grows with the body. Every byte between two delimiters belongs
// to the part; transfer encodings are not undone.
//
// # Why not mime/multipart
//
// The package reads what the reference implementation of the operation reads
// (Starlette with python-multipart), and refuses what it would misread. A file
// must neither vanish behind a success nor change. mime/multipart differs:
//
//   - It reports a plain end where a body is cut inside a part's header, and the
//     file is gone. Here the closing delimiter is required.
//   - It hands out a part with an empty name where Content-Disposition does not
//     parse: unescaped quotes, unquoted spaces, a parameter twice. The reference
//     reads those, and so does this package. What has two readings that make
//     different parts of it is an error.
//   - It reads a value in an unknown charset as absent, which makes a text field
//     of a file. Here bytes that are not UTF-8 are Latin-1, as in the reference.
//   - It takes a line feed for a line end and spaces after a delimiter for
//     padding; the reference takes both for content. What one reader takes for a
//     delimiter and another for content is an error here.
//   - It skips a preamble and unfolds header lines. Both are errors here, as in
//     the reference.
//   - It refuses control characters in header lines. Here they may stand in a
//     file name, as in the reference: making names safe is done elsewhere.
//   - It has no limit on parts, and lets a part have 10,000 header lines.
//
// It differs from the reference in names: a filename* is read in the charset that
// it says, a name that can be UTF-8 is UTF-8 where the form says Latin-1, a backslash
// before a space or a tab hides it, and an empty or garbled file name gives way to
// another one of the same part. reference_test.go lists each difference.
//
// For the same reasons header lines and parameters are read here and not by
// net/textproto and mime.ParseMediaType.
package form

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
)

// What is wrong with a form. An error that wraps one of these adds the number of
// the part and a reason in fixed words, for the log; it never has bytes of the
// client in it.
var (
	// ErrNotForm is returned for a media type other than multipart/form-data.
	ErrNotForm = errors.New("not a multipart form")
	// ErrOtherMultipart is an [ErrNotForm] for a media type of parts, such as
	// multipart/mixed.
	ErrOtherMultipart = fmt.Errorf("%w but another one of parts", ErrNotForm)
	// ErrNoBoundary is returned for a media type without a boundary.
	ErrNoBoundary = errors.New("multipart form without a boundary")
	// ErrMalformed is returned for a form that cannot be read in exactly one way.
	ErrMalformed = errors.New("malformed form")
	// ErrNested is returned for a delimiter that is there twice before a part that
	// holds the files, as Netty and Vert.x write forms; see [Part.IsNested].
	ErrNested = errors.New("files inside of a part")
	// ErrNoName is returned for a part whose Content-Disposition names no field.
	ErrNoName = errors.New("form part without a name")
	// ErrTooManyFiles is returned for more files than [Limits] has.
	ErrTooManyFiles = errors.New("too many files in a form")
	// ErrTooManyFields is returned for more text fields than [Limits] has.
	ErrTooManyFields = errors.New("too many fields in a form")
	// ErrFieldTooLarge is returned for a text field of more than [MaxField] bytes.
	ErrFieldTooLarge = errors.New("form field too large")
)

// Limits that hold for every form. Those in [Limits] can be set.
const (
	DefaultFiles  = 1000
	DefaultFields = 1000

	MaxBoundary    = 70      // bytes (RFC 2046, section 5.1.1)
	MaxHeader      = 8 << 10 // bytes of one part's header, blank line included
	MaxHeaderLines = 10      // of one part
	MaxField       = 1 << 20 // bytes of one text field
)

// Limits bounds the parts of a form.
type Limits struct {
	Files  int // parts with a file name; zero means DefaultFiles
	Fields int // parts without; zero means DefaultFields
}

// A Part is one file or text field of a form.
type Part struct {
	Name        string
	IsFile      bool   // a file name was given, even an empty one
	Filename    string // as sent: it may be empty, a path, or hold any character
	ContentType string // as declared, with its parameters; empty where it is not
	Body        []byte // the part's bytes in the form's body

	charset charset
}

// Text returns the body as text, read as UTF-8 or, where the form says so or it
// is not valid, as Latin-1. It is meant for fields.
func (p Part) Text() string {
	return p.charset.decode(string(p.Body))
}

// IsNested reports whether the part is no file and holds parts of its own. They are
// not read: in forms that is obsolete (RFC 7578, section 4.3).
func (p Part) IsNested() bool {
	return !p.IsFile && isMultipart(p.ContentType)
}

// Parse returns the parts of a form's body, in its order. A body that is empty,
// or only line breaks, is a form without parts.
func Parse(body []byte, m Media, limits Limits) ([]Part, error) {
	body = bytes.TrimLeft(body, "\r\n")
	if len(body) == 0 {
		return nil, nil
	}
	r := newReader(body, m, limits)
	parts, err := r.parts()
	if err != nil {
		return nil, fmt.Errorf("part %d: %w", len(parts)+1, err)
	}
	return parts, nil
}

// malformed is an [ErrMalformed] with its reason.
func malformed(reason string) error {
	return fmt.Errorf("%w: %s", ErrMalformed, reason)
}

// A reader walks once over a body.
type reader struct {
	rest      []byte // what is not read yet
	delimiter []byte // "\r\n--" and the boundary
	charset   charset
	files     int // how many more there may be
	fields    int
}

func newReader(body []byte, m Media, limits Limits) *reader {
	return &reader{
		rest:      body,
		delimiter: []byte("\r\n--" + m.boundary),
		charset:   m.charset,
		files:     cmp.Or(limits.Files, DefaultFiles),
		fields:    cmp.Or(limits.Fields, DefaultFields),
	}
}

// parts reads all parts. With an error it returns those before it.
func (r *reader) parts() ([]Part, error) {
	var parts []Part
	if !r.skip(r.delimiter[len("\r\n"):]) {
		return nil, malformed("does not begin with its delimiter")
	}
	for {
		if r.skip([]byte("--")) {
			return parts, nil // what follows is an epilogue
		}
		if len(r.delimiter) == len("\r\n--") {
			return parts, malformed("an empty boundary")
		}
		if !r.skip([]byte("\r\n")) {
			return parts, malformed("no line end after the delimiter")
		}
		part, err := r.part()
		if err != nil {
			return parts, err
		}
		parts = append(parts, part)
	}
}

// skip steps over a prefix, if it is there.
func (r *reader) skip(prefix []byte) bool {
	rest, ok := bytes.CutPrefix(r.rest, prefix)
	r.rest = rest
	return ok
}

// skipLine steps over a line, if it is there.
func (r *reader) skipLine(line []byte) bool {
	rest, ok := bytes.CutPrefix(r.rest, line)
	if !ok || !bytes.HasPrefix(rest, []byte("\r\n")) {
		return false
	}
	r.rest = rest[len("\r\n"):]
	return true
}

// part reads from behind one delimiter to behind the next.
func (r *reader) part() (Part, error) {
	twice := r.skipLine(r.delimiter[len("\r\n"):])
	h, err := r.header()
	if err != nil {
		return Part{}, err
	}
	p, err := r.describe(h)
	switch {
	case twice && p.IsNested():
		return Part{}, ErrNested
	case twice:
		return Part{}, malformed("a delimiter twice")
	case err != nil:
		return Part{}, err
	}
	p.Body, err = r.content()
	if err != nil {
		return Part{}, err
	}
	if !p.IsFile && len(p.Body) > MaxField {
		return Part{}, ErrFieldTooLarge
	}
	return p, nil
}

// describe makes a part of its header and counts it.
func (r *reader) describe(h header) (Part, error) {
	if !h.named {
		return Part{}, ErrNoName
	}
	nameIn, filenameIn := h.name.in(r.charset), h.filename.in(r.charset)
	if !nameIn.reads(h.name.text) || !filenameIn.reads(h.filename.text) {
		return Part{}, malformed("a name in a charset that is not read here")
	}
	left, tooMany := &r.fields, ErrTooManyFields
	if h.isFile {
		left, tooMany = &r.files, ErrTooManyFiles
	}
	if *left <= 0 {
		return Part{}, tooMany
	}
	*left--
	return Part{
		Name:        nameIn.decode(h.name.text),
		IsFile:      h.isFile,
		Filename:    filenameIn.decode(h.filename.text),
		ContentType: latin1.decode(h.contentType),
		charset:     r.charset,
	}, nil
}

// fastNeedle is how long a needle bytes.Index finds at several GB/s on every
// architecture, whatever the haystack is (internal/bytealg, MaxLen).
const fastNeedle = 32

// content reads up to the next delimiter, and over it. A delimiter is the bytes
// CRLF, two hyphens, the boundary, then CRLF or two hyphens. A line that begins
// like one and ends otherwise is taken for a delimiter by some readers, and for
// content by others: in one of the two readings a file is part of another, so
// it is an error. The boundary with more letters after it is content to all.
func (r *reader) content() ([]byte, error) {
	line := r.delimiter[len("\r"):]
	if after, ok := bytes.CutPrefix(r.rest, line[len("\n"):]); ok && endsDelimiter(after) {
		return nil, malformed("a delimiter where the content begins")
	}
	needle := line[:min(len(line), fastNeedle)]
	for end := 0; ; end += len(needle) {
		i := bytes.Index(r.rest[end:], needle)
		if i < 0 {
			return nil, malformed("no closing delimiter")
		}
		end += i
		after, ok := bytes.CutPrefix(r.rest[end:], line)
		if !ok || !endsDelimiter(after) {
			continue
		}
		if end == 0 || r.rest[end-1] != '\r' || !endsDelimiterExactly(after) {
			return nil, malformed("a line that is almost a delimiter")
		}
		content := r.rest[: end-1 : end-1] // appending must not reach the next part
		r.rest = after
		return content, nil
	}
}

// endsDelimiter reports whether some reader takes the boundary for complete
// where these bytes follow it.
func endsDelimiter(after []byte) bool {
	return len(after) == 0 || bytes.IndexByte([]byte(" \t\r\n"), after[0]) >= 0 ||
		bytes.HasPrefix(after, []byte("--"))
}

func endsDelimiterExactly(after []byte) bool {
	return bytes.HasPrefix(after, []byte("\r\n")) || bytes.HasPrefix(after, []byte("--"))
}
