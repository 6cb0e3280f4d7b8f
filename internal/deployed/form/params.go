package form

import (
	"cmp"
	"errors"
	"slices"
	"strconv"
	"strings"
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
// backslash. A backslash before anything else is one: it is in Windows paths.
func unquote(s string) string {
	if len(s) < 2 {
		return s
	}
	inner := s[1 : len(s)-1]
	switch {
	case s[0] == '"' && s[len(s)-1] == '"':
		return strings.ReplaceAll(strings.ReplaceAll(inner, `\\`, `\`), `\"`, `"`)
	case s[0] == '<' && s[len(s)-1] == '>':
		return inner
	}
	return s
}

// readings returns the values of a parameter, the one that holds last: those
// under its plain name in their order, then the one of RFC 2231 (name*,
// name*0 …), which wins in the reference.
func (ps params) readings(name string) ([]string, error) {
	var values []string
	var pieces []piece
	for _, p := range ps {
		if p.name == name {
			values = append(values, p.value)
		} else if piece, ok := p.piece(name); ok {
			pieces = append(pieces, piece)
		}
	}
	if len(pieces) == 0 {
		return values, nil
	}
	value, err := join(pieces)
	return append(values, value), err
}

// last returns the value that holds, or nothing.
func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// only returns the one value that all readings agree on, or nothing.
func only(values []string) (string, error) {
	for _, v := range values {
		if v != values[0] {
			return "", malformed("a parameter with two values")
		}
	}
	return last(values), nil
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

// join puts the pieces together by their numbers. The charset is not looked at:
// the reference reads the bytes in the form's own.
func join(pieces []piece) (string, error) {
	slices.SortFunc(pieces, func(a, b piece) int { return cmp.Compare(a.number, b.number) })
	var joined strings.Builder
	encoded := false
	for i, p := range pieces {
		if i > 0 && (p.number == pieces[i-1].number || pieces[0].number == 0) {
			return "", malformed("pieces of a parameter that do not fit")
		}
		if p.encoded {
			p.value = percentDecode(p.value)
			encoded = true
		}
		joined.WriteString(p.value)
	}
	value := joined.String()
	if parts := strings.SplitN(value, "'", 3); encoded && len(parts) == 3 {
		return parts[2], nil
	}
	return value, nil
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
