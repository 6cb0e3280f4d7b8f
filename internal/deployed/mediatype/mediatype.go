// Package mediatype tells what a file is from its content and its name, and which files are accepted.
//
// The type that a client declares plays no part in it.
package mediatype

import (
	"bytes"
	"encoding/binary"
	"path"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// Type is a media type in lower case, as a Content-Type header carries it.
// Text that is UTF-8 has the parameter "charset=utf-8"; no type has another parameter.
type Type string

// Essence returns the type without its parameter.
func (t Type) Essence() string {
	essence, _, _ := strings.Cut(string(t), ";")
	return essence
}

// Sniff returns the type that the content of a file and its name prove together.
//
// The content decides, by its first 4,096 bytes. The name only chooses between types that look alike:
// where the content is text without a form of its own, or a container such as zip,
// the last extension may tell which. So a page called x.png is text/html, and a picture called x.html is a picture.
// What begins as markup is markup, whatever signature follows it. Content that nothing is known of
// is application/octet-stream; an empty file is text.
//
// A signature proves how a file begins, not that the rest of it is harmless.
//
// The data is the whole file: "charset=utf-8" is a claim about all of it. The name is the one under which
// the file will be stored, as only there the extension is what it seems.
func Sniff(data []byte, name string) Type {
	essence := fromContent(data)
	if refined, ok := byExtension[essence][strings.ToLower(path.Ext(name))]; ok {
		essence = refined
	}
	if strings.HasPrefix(essence, "text/") && utf8.Valid(data) {
		return Type(essence + "; charset=utf-8")
	}
	return Type(essence)
}

// fromContent returns the type without parameters: those that mimetype adds can hold text from the file.
func fromContent(data []byte) string {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	detected := mimetype.Detect(data)
	if isText(detected) {
		return essenceOf(fromUTF16(data, detected))
	}
	if beginsAsMarkup(data) {
		return "text/html"
	}
	return essenceOf(detected)
}

// isText reports whether a type is plain text or a special form of it.
func isText(m *mimetype.MIME) bool {
	for ; m != nil; m = m.Parent() {
		if essenceOf(m) == "text/plain" {
			return true
		}
	}
	return false
}

func essenceOf(m *mimetype.MIME) string {
	return Type(m.String()).Essence()
}

// fromUTF16 looks into text in UTF-16, which mimetype takes for plain text by its byte order mark alone.
// Of other text, it returns what was detected.
func fromUTF16(data []byte, detected *mimetype.MIME) *mimetype.MIME {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(data, []byte{0xFF, 0xFE}):
		order = binary.LittleEndian
	case bytes.HasPrefix(data, []byte{0xFE, 0xFF}):
		order = binary.BigEndian
	default:
		return detected
	}
	const enough = 1024 // bytes: what comes first tells the form of a text
	data = data[2:min(len(data), enough)]
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = order.Uint16(data[2*i:])
	}
	if decoded := mimetype.Detect([]byte(string(utf16.Decode(units)))); isText(decoded) {
		return decoded
	}
	return detected
}

// beginsAsMarkup reports whether the first thing in data is a tag, a comment or a declaration.
// Some formats have their signature further on, where it can also stand in a web page:
// PDF within the first kilobyte, MP4 and AVIF at byte 4, MP3 and tar later.
func beginsAsMarkup(data []byte) bool {
	data = bytes.TrimLeft(data, " \t\r\n\f")
	if len(data) < 2 || data[0] != '<' {
		return false
	}
	c := data[1] | 0x20 // lower case
	return 'a' <= c && c <= 'z' || data[1] == '!' || data[1] == '?'
}
