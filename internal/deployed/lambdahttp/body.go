package lambdahttp

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/segmentio/asm/base64"
)

var (
	// ErrBase64 says that a body is marked as base64 and is not: padded,
	// standard alphabet, nothing in between (RFC 4648, section 4).
	ErrBase64 = errors.New("the body is not base64")

	// ErrNotBinary says that a multipart body came as text in which bytes were
	// replaced by U+FFFD, so that its files are destroyed. A REST API does that
	// when multipart/form-data is not among its binary media types:
	// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html
	ErrNotBinary = errors.New("the body came as text: the API lacks the binary media type multipart/form-data")
)

// Body is the body of each request that a Handler serves: http.Request.Body is
// a *Body. Nothing of it is decoded before the first Bytes or Read, and it is
// decoded once. It is valid until the http.Handler returns, and for one
// goroutine at a time.
type Body struct {
	body
	base64    bool
	multipart bool
	size      int

	decoded bool
	data    []byte
	err     error

	read   int
	closed bool
}

// newBody measures a body. Text that is no JSON string is an error; wrong
// base64 is one of Bytes.
func newBody(b body, encoded, multipart bool) (*Body, error) {
	out := &Body{body: b, base64: encoded, multipart: multipart}
	if b.quoted == nil {
		out.decoded = true
		return out, nil
	}
	if !encoded {
		size, ok := textSize(out.content())
		if !ok {
			return nil, errEvent
		}
		out.size = size
		return out, nil
	}
	if b.escaped {
		// No gateway of AWS escapes base64; other JSON encoders escape / + or =.
		text, err := unquote(b.quoted)
		if err != nil {
			return nil, errEvent
		}
		out.quoted = append(append([]byte{'"'}, text...), '"')
	}
	out.size = base64Size(out.content())
	return out, nil
}

// content is what stands between the quotes.
func (b *Body) content() []byte {
	return b.quoted[1 : len(b.quoted)-1 : len(b.quoted)-1]
}

// Len returns the size of the body in bytes, after decoding, without decoding
// it. It is exact for every body that Bytes returns without an error.
func (b *Body) Len() int { return b.size }

// Bytes returns the whole body, whatever was read of it before, or ErrBase64
// or ErrNotBinary. The bytes lie in the event's own buffer where they can: they
// may be changed, and are gone when the http.Handler has returned.
func (b *Body) Bytes() ([]byte, error) {
	if !b.decoded {
		b.decoded = true
		b.data, b.err = b.decode()
	}
	return b.data, b.err
}

func (b *Body) decode() ([]byte, error) {
	if b.base64 {
		return decodeBase64(b.content())
	}
	text := b.content()
	if b.escaped || !utf8.Valid(text) {
		var err error
		if text, err = unquote(b.quoted); err != nil {
			return nil, errEvent
		}
	}
	if b.multipart && bytes.ContainsRune(text, unicode.ReplacementChar) {
		return nil, ErrNotBinary
	}
	return text, nil
}

// Read implements io.Reader. It fails as Bytes does.
func (b *Body) Read(p []byte) (int, error) {
	if b.closed {
		return 0, http.ErrBodyReadAfterClose
	}
	data, err := b.Bytes()
	if err != nil {
		return 0, err
	}
	if b.read == len(data) {
		return 0, io.EOF
	}
	n := copy(p, data[b.read:])
	b.read += n
	return n, nil
}

// Close implements io.Closer. It never fails.
func (b *Body) Close() error {
	b.closed = true
	return nil
}

// strict also refuses bits that are set behind the last byte. The library's
// decoder uses the processor's vector instructions, and hands what they cannot
// decode to encoding/base64, whose errors it returns.
var strict = base64.StdEncoding.Strict()

// decodeBase64 decodes in place. That is right because no decoder writes past
// what it has read: encoding/base64 writes at most eight bytes at index 6n after
// it has read those up to 8n+8, and the vector loops write 32 (of which the last
// eight are written again) or 24 bytes at index 24n after those up to 32n+32.
//
// The decoder skips line breaks. With a length that is a multiple of four, each
// break that it skips makes the result shorter than the length promises.
func decodeBase64(text []byte) ([]byte, error) {
	if len(text)%4 != 0 {
		return nil, ErrBase64
	}
	size := base64Size(text)
	n, err := strict.Decode(text, text)
	if err != nil || n != size {
		return nil, ErrBase64
	}
	return text[:n:n], nil
}

// base64Size is the decoded size of base64 that is right.
func base64Size(text []byte) int {
	size := base64.StdEncoding.DecodedLen(len(text))
	for i := 1; i <= 2 && len(text) >= 4 && text[len(text)-i] == '='; i++ {
		size--
	}
	return size
}

func unquote(quoted []byte) ([]byte, error) {
	var s string
	if err := json.Unmarshal(quoted, &s); err != nil {
		return nil, err
	}
	return []byte(s), nil
}

// textSize returns the size in bytes of what encoding/json makes of a JSON
// string's content, and whether it takes it.
func textSize(content []byte) (size int, ok bool) {
	for i := 0; i < len(content); {
		var from, to int
		switch c := content[i]; {
		case c < ' ' || c == '"':
			return 0, false
		case c == '\\':
			from, to = escapeSize(content[i:])
		case c < utf8.RuneSelf:
			from, to = 1, 1
		default:
			var r rune
			r, from = utf8.DecodeRune(content[i:])
			to = utf8.RuneLen(r)
		}
		if from == 0 {
			return 0, false
		}
		i += from
		size += to
	}
	return size, true
}

// escapeSize returns how many bytes the escape at the start of s has, and how
// many its character has. No escape is 0, 0.
func escapeSize(s []byte) (from, to int) {
	if len(s) < 2 {
		return 0, 0
	}
	if s[1] != 'u' {
		if bytes.IndexByte([]byte(`"\/bfnrt`), s[1]) < 0 {
			return 0, 0
		}
		return 2, 1
	}
	r, ok := unicodeEscape(s)
	if !ok {
		return 0, 0
	}
	if !utf16.IsSurrogate(r) {
		return 6, utf8.RuneLen(r)
	}
	if low, ok := unicodeEscape(s[6:]); ok && utf16.DecodeRune(r, low) != unicode.ReplacementChar {
		return 12, 4
	}
	return 6, utf8.RuneLen(unicode.ReplacementChar)
}

func unicodeEscape(s []byte) (rune, bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(string(s[2:6]), 16, 16)
	return rune(n), err == nil
}
