package filename

import (
	"strings"
	"unicode/utf8"
)

// Attachment returns the value of a Content-Disposition header that makes a browser save a file as the last element of [Safe] of name.
//
// The value is one line of ASCII. A name of ASCII characters stands in "filename". Any other stands in
// "filename*", percent-encoded as RFC 8187 has it, after a plain "filename" for clients that do not know that;
// so does one with a percent sign and two hexadecimal digits, as some clients decode these
// in "filename" (RFC 6266, appendix D).
func Attachment(name string) string {
	name = Base(Safe(name, ""))
	fallback := asciiFallback(name)
	// A safe name has no quote, backslash or control character, so nothing in it ends the quoted string.
	value := `attachment; filename="` + fallback + `"`
	if fallback != name {
		value += `; filename*=UTF-8''` + percentEncode(name)
	}
	return value
}

// asciiFallback returns name with an underscore for each character that is not ASCII
// and for each percent sign that begins an escape.
func asciiFallback(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	for i, r := range name {
		if r >= utf8.RuneSelf || beginsEscape(name[i:]) {
			r = '_'
		}
		b.WriteByte(byte(r))
	}
	return b.String()
}

// beginsEscape reports whether s begins with a percent sign and two hexadecimal digits.
func beginsEscape(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isHexDigit(s[1]) && isHexDigit(s[2])
}

func isHexDigit(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// percentEncode writes s as the value of an extended parameter (RFC 8187, section 3.2.1).
func percentEncode(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.Grow(3 * len(s))
	for i := range len(s) {
		if c := s[i]; isAttrChar(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(digits[c>>4])
			b.WriteByte(digits[c&0xF])
		}
	}
	return b.String()
}

// isAttrChar reports whether c stands for itself in an extended parameter: attr-char of RFC 8187.
func isAttrChar(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' ||
		strings.IndexByte("!#$&+-.^_`|~", c) >= 0
}
