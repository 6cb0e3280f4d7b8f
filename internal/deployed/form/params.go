package form

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// params are the parameters of a header value: what follows its semicolons.
type params []param

// A param has its name in lower case and its value without quotes.
type param struct{ name, value string }

// parameters takes a header value apart as the reference does, which uses
// Python's email package: quotes may open and close anywhere in a value, a
// backslash hides the next one, and what is not quoted may contain spaces.
func parameters(header string) (kind string, all params) {
	segment, rest, more := cutSegment(header)
	kind = trim(segment)
	for more {
		segment, rest, more = cutSegment(rest)
		all = append(all, readParam(segment))
	}
	return kind, all
}

// cutSegment cuts s at its first semicolon that is not in quotes.
func cutSegment(s string) (segment, rest string, more bool) {
	quoted := false
	for i := range len(s) {
		switch {
		case s[i] == '"' && (i == 0 || s[i-1] != '\\'):
			quoted = !quoted
		case s[i] == ';' && !quoted:
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func readParam(segment string) param {
	name, value, ok := strings.Cut(segment, "=")
	if !ok {
		return param{name: trim(segment)}
	}
	return param{strings.ToLower(trim(name)), unquote(trim(value))}
}

// trim removes the white space of ASCII that can stand in a header. Python also
// removes 0x85 and 0xA0, which here are halves of letters.
func trim(s string) string {
	return strings.Trim(s, " \t\v\f\x1c\x1d\x1e\x1f")
}

// unquote takes off quotes and undoes backslashes before a quote or another
// backslash, and before a space or a tab, where some clients write one as they may
// before any character (RFC 9110, section 5.6.4) and the reference leaves it. A
// backslash before anything else is one: it is in Windows paths.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	inner := s[1 : len(s)-1]
	switch {
	case s[0] == '"' && s[len(s)-1] == '"' && !strings.Contains(inner, `\`):
		return inner
	case s[0] == '"' && s[len(s)-1] == '"':
		inner = escapedSpaces.Replace(inner)
		return strings.ReplaceAll(strings.ReplaceAll(inner, `\\`, `\`), `\"`, `"`)
	case s[0] == '<' && s[len(s)-1] == '>':
		return inner
	}
	return s
}

// escapedSpaces goes by pairs, so that a backslash that is hidden itself hides no
// space.
var escapedSpaces = strings.NewReplacer(`\\`, `\\`, `\ `, " ", "\\\t", "\t")

// A value is one value of a parameter.
type value struct {
	text    string  // bytes
	encoded bool    // percent-encoded, behind its charset (RFC 8187, section 3.2)
	charset charset // where that is known here
	known   bool
}

// readings returns the values of a parameter, the one that holds last: those
// under its plain name in their order, then the one of RFC 2231 (name*,
// name*0 …), which wins in the reference.
func (ps params) readings(name string) ([]value, error) {
	var values []value
	var pieces []piece
	for _, p := range ps {
		if p.name == name {
			values = append(values, value{text: p.value})
		} else if piece, ok := p.piece(name); ok {
			pieces = append(pieces, piece)
		}
	}
	if len(pieces) == 0 {
		return values, nil
	}
	joined, err := join(pieces)
	return append(values, joined), err
}

// last returns the value that holds, or nothing.
func last(values []value) value {
	if len(values) == 0 {
		return value{}
	}
	return values[len(values)-1]
}

// only returns the one value that all readings agree on, or nothing.
func only(values []value) (value, error) {
	for _, v := range values {
		if v.text != values[0].text {
			return value{}, malformed("a parameter with two values")
		}
	}
	return last(values), nil
}

// best returns the value that holds where all of them make the same part: the last
// that is a name, so that none is lost to one that is empty or garbled.
func best(values []value) value {
	for _, v := range slices.Backward(values) {
		if v.isName() {
			return v
		}
	}
	return last(values)
}

// isName reports whether there are letters. Those that are percent-encoded have to
// be in the charset that they say, or in UTF-8.
func (v value) isName() bool {
	return v.text != "" && (!v.encoded || v.charset == latin1 || utf8.ValidString(v.text))
}

// A piece is a parameter of RFC 2231, or a numbered part of one.
type piece struct {
	number  uint64 // one more than the number sent; zero means not numbered
	encoded bool   // percent-encoded, behind a charset and a language
	value   string
}

// piece reports which piece of a parameter p is: name* is all of it, name*0 and
// name*0* are the first.
func (p param) piece(name string) (piece, bool) {
	suffix, ok := strings.CutPrefix(p.name, name+"*")
	if !ok {
		return piece{}, false
	}
	if suffix == "" {
		return piece{encoded: true, value: p.value}, true
	}
	digits, encoded := strings.CutSuffix(suffix, "*")
	number, err := strconv.ParseUint(digits, 10, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return piece{}, false
	}
	return piece{number + 1, encoded, p.value}, true
}

// join puts the pieces together by their numbers.
func join(pieces []piece) (value, error) {
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.number, b.number) })
	var joined strings.Builder
	encoded := false
	for i, p := range pieces {
		if i > 0 && (p.number == pieces[i-1].number || pieces[0].number == 0) {
			return value{}, malformed("pieces of a parameter that do not fit")
		}
		if p.encoded {
			p.value = percentDecode(p.value)
			encoded = true
		}
		joined.WriteString(p.value)
	}
	v := value{text: joined.String(), encoded: encoded}
	if parts := strings.SplitN(v.text, "'", 3); encoded && len(parts) == 3 {
		v.text = parts[2]
		v.charset, v.known = charsetNamed(parts[0])
	}
	return v, nil
}

// percentDecode decodes what is percent-encoded and leaves the rest, stray
// percent signs included.
func percentDecode(s string) string {
	var b strings.Builder
	for {
		before, after, ok := strings.Cut(s, "%")
		b.WriteString(before)
		if !ok {
			return b.String()
		}
		code, err := strconv.ParseUint(after[:min(len(after), 2)], 16, 8)
		if err != nil || len(after) < 2 {
			b.WriteByte('%')
			s = after
			continue
		}
		b.WriteByte(byte(code))
		s = after[2:]
	}
}
