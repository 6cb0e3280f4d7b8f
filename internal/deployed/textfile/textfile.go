// Package textfile reads the text of a file whose encoding nobody has told: as
// UTF-8, by a byte order mark, or in the charset that its bytes leave no doubt of.
// Where there is doubt it says so, since a text in the wrong letters misleads more
// than none.
package textfile

import (
	"bytes"
	"errors"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/encoding/unicode/utf32"
)

var (
	// ErrBinary says that the bytes are no text.
	ErrBinary = errors.New("the file is no text")
	// ErrUnknown says that the bytes look like a text, in an encoding that they do
	// not tell.
	ErrUnknown = errors.New("the encoding of the text is not known")
)

// UTF8 is the encoding of most texts.
const UTF8 = "utf-8"

// A Text is the text of a file.
type Text struct {
	// String is the text in UTF-8. That of a file in UTF-8 is the file's bytes, its
	// byte order mark included.
	String string
	// Encoding is what the file's bytes are in, by its name at
	// https://encoding.spec.whatwg.org/#names-and-labels, or "utf-32le" or
	// "utf-32be", which are not there.
	Encoding string
}

// Decode returns the text of a whole file. The error is [ErrBinary] or
// [ErrUnknown]. The text has up to three times as many bytes as the file.
func Decode(data []byte) (Text, error) {
	for _, m := range marks {
		if bytes.HasPrefix(data, m.mark) {
			return m.decode(data[len(m.mark):])
		}
	}
	switch {
	case bytes.IndexByte(data, 0) >= 0:
		return Text{}, ErrBinary
	case utf8.Valid(data):
		return Text{String: string(data), Encoding: UTF8}, nil
	case hasControls(data):
		return Text{}, ErrBinary
	}
	return detect(data)
}

// A mark is a byte order mark.
type mark struct {
	mark     []byte
	name     string
	encoding encoding.Encoding
}

// marks are those that nothing else begins with, the longer ones first: UTF-32
// begins as UTF-16 does, and a NUL, which would be its next character, is in no
// text. That of UTF-8 stands in the text, so that it is looked at as one without.
var marks = []mark{
	{[]byte{0xFF, 0xFE, 0, 0}, "utf-32le", utf32.UTF32(utf32.LittleEndian, utf32.IgnoreBOM)},
	{[]byte{0, 0, 0xFE, 0xFF}, "utf-32be", utf32.UTF32(utf32.BigEndian, utf32.IgnoreBOM)},
	{[]byte{0xFF, 0xFE}, "utf-16le", unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM)},
	{[]byte{0xFE, 0xFF}, "utf-16be", unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM)},
}

// decode reads what follows a mark. Bytes that are not in the encoding are no
// text: some formats begin like a mark.
func (m mark) decode(data []byte) (Text, error) {
	text, err := m.encoding.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsRune(text, utf8.RuneError) || bytes.IndexByte(text, 0) >= 0 {
		return Text{}, ErrBinary
	}
	return Text{String: string(text), Encoding: m.name}, nil
}

// controls are the ones below the space that stand in texts: tab, line and form
// feeds, backspace and escape of terminals, and the end of a file of DOS.
const controls = "\b\t\n\v\f\r\x1a\x1b"

// hasControls reports whether there is a control character that stands in no text.
// Every encoding that is detected has them where ASCII has them.
func hasControls(data []byte) bool {
	return bytes.ContainsFunc(data, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune(controls, r) || r == 0x7F
	})
}
