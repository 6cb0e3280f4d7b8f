package form

import (
	"strings"
	"unicode/utf8"
)

// A Media is what the Content-Type of a request says about its body.
type Media struct {
	boundary string
	charset  charset
}

// ParseMedia reads the Content-Type of a request, so that what cannot be a form
// is refused before its body is touched. The errors are [ErrNotForm],
// [ErrOtherMultipart], [ErrNoBoundary], and [ErrMalformed] for a boundary that is over [MaxBoundary],
// has line breaks, or is given twice and differs.
//
// A boundary that is given but empty is accepted here. As in the reference it
// can only frame a form without parts.
func ParseMedia(contentType string) (Media, error) {
	kind, params := parameters(contentType)
	if !strings.EqualFold(kind, "multipart/form-data") {
		if isMultipart(kind) {
			return Media{}, ErrOtherMultipart
		}
		return Media{}, ErrNotForm
	}
	boundary, err := boundaryOf(params)
	if err != nil {
		return Media{}, err
	}
	charsets, err := params.readings("charset")
	if err != nil {
		return Media{}, err
	}
	return Media{boundary, charsetOf(charsets)}, nil
}

// isMultipart reports whether a media type is one of parts.
func isMultipart(mediaType string) bool {
	const kind = "multipart/"
	return len(mediaType) >= len(kind) && strings.EqualFold(mediaType[:len(kind)], kind)
}

func boundaryOf(ps params) (string, error) {
	values, err := ps.readings("boundary")
	if err != nil {
		return "", err
	}
	if len(values) == 0 {
		return "", ErrNoBoundary
	}
	boundary, err := only(values)
	switch {
	case err != nil:
		return "", err
	case len(boundary.text) > MaxBoundary:
		return "", malformed("a boundary of too many bytes")
	case strings.ContainsAny(boundary.text, "\r\n"):
		return "", malformed("a line break in the boundary")
	}
	return boundary.text, nil
}

// A charset says how the bytes of names become text.
type charset byte

const (
	utf8OrLatin1 charset = iota // what is not valid UTF-8 is Latin-1
	latin1
	foreign // only ASCII is read
)

// charsetOf reads the charset parameter. Browsers send none, and most charsets
// need tables, so few are known here. As by the reference, what is not ASCII in a
// form that says so is Latin-1.
func charsetOf(readings []value) charset {
	if len(readings) == 0 {
		return utf8OrLatin1
	}
	c, _ := charsetNamed(last(readings).text)
	return c
}

// charsetNamed also reports whether the charset is known here.
func charsetNamed(name string) (c charset, known bool) {
	switch strings.ToLower(name) {
	case "utf-8", "utf8":
		return utf8OrLatin1, true
	case "iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii":
		return latin1, true
	}
	return foreign, false
}

// in is the charset of a value in a form: the one that it names itself, or that of
// the form. A form that says Latin-1 can have names in UTF-8 beside others in
// Latin-1, so they are told apart (Apache HttpClient 5 always says Latin-1); the
// reference reads such a name as it is labelled, which is never what was meant.
func (v value) in(form charset) charset {
	switch {
	case v.known:
		return v.charset
	case form == latin1:
		return utf8OrLatin1
	}
	return form
}

// reads reports whether s can be read without knowing another charset's table.
func (c charset) reads(s string) bool {
	return c != foreign || isASCII(s)
}

func (c charset) decode(s string) string {
	if isASCII(s) || c != latin1 && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(rune(s[i])) // a byte of Latin-1 is its own code point
	}
	return b.String()
}

func isASCII(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r >= utf8.RuneSelf }) < 0
}
