// Package filename makes the names that clients send safe to store, to show and to download.
package filename

import (
	"encoding/hex"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// MaxLength is the most bytes that a name holds: what Linux, macOS and Windows allow for one path element.
//
// An object key has at most 1,024 bytes
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html),
// so a prefix of up to 512 bytes, a conversation id of up to 100, a slash and a name always make a valid key.
const MaxLength = 255

// maxExtension is the most bytes of an extension, with its dot. What is longer is part of the name.
const maxExtension = 20

// Safe turns a name that a client sent into one that every common file system takes
// and that shows itself as what it is. A safe name comes back as it is.
//
//   - Of a path, the last element stays; / and \ both separate.
//   - The result is valid UTF-8 in Unicode NFC: each run of invalid bytes becomes U+FFFD.
//   - Control and other invisible characters go, among them those that turn the direction of text.
//     Joiners and variation selectors stay where a script or an emoji needs them.
//   - Each of <>:"|?* becomes an underscore: Windows refuses them.
//   - What forms write for a quotation mark and for line ends, %22, %0D and %0A, is taken for those,
//     so that a file has one name however it is sent. Other percent signs stay.
//   - Dots and white space at both ends go. A leading hyphen, which programs take for an option,
//     and a Windows device name get an underscore in front.
//   - What is over [MaxLength] bytes is cut before the extension, and not inside a character as a reader sees it.
//
// Letters of every script stay. Where nothing is left, the name is "unnamed" with an extension that
// fits contentType, or with none for a type that is not known. The result is never empty, "." or "..".
func Safe(name, contentType string) string {
	name = trim(clean(ends(lastElement(name))))
	if name == "" {
		return "unnamed" + extensionFor(contentType)
	}
	name = fit(name, MaxLength)
	if needsUnderscore(name) {
		name = "_" + fit(name, MaxLength-1)
	}
	return name
}

// WithHash puts the first digits hexadecimal digits of sum, after a tilde, before the extension of name,
// so that files of one name and different content have different names: "report~3f2a9c1b.pdf".
// The name must be one that [Safe] returned; then the result is safe too.
// The digits are 1 to 64; a number outside of that counts as the nearer end.
func WithHash(name string, sum [32]byte, digits int) string {
	digits = min(max(digits, 1), hex.EncodedLen(len(sum)))
	suffix := "~" + hex.EncodeToString(sum[:])[:digits]
	stem, extension := split(name)
	if room := MaxLength - len(suffix) - len(extension); len(stem) > room {
		stem = trim(cut(stem, room))
	}
	return stem + suffix + extension
}

// maxSent is the most bytes of a sent name that are looked at. Normal forms are
// dear, and a name that is longer can only be meant to be.
const maxSent = 2048

// ends leaves the middle of an overlong name out.
func ends(name string) string {
	if len(name) <= maxSent {
		return name
	}
	head, tail := maxSent/2, len(name)-maxSent/2
	for head > 0 && !utf8.RuneStart(name[head]) {
		head--
	}
	for tail < len(name) && !utf8.RuneStart(name[tail]) {
		tail++
	}
	return name[:head] + name[tail:]
}

func lastElement(path string) string {
	return path[strings.LastIndexAny(path, `/\`)+1:]
}

func extensionFor(contentType string) string {
	known := mimetype.Lookup(contentType)
	if known == nil {
		return ""
	}
	return known.Extension()
}

// needsUnderscore reports whether name means something else than a file to a shell or to Windows.
func needsUnderscore(name string) bool {
	return name[0] == '-' || isDevice(name)
}

// devices are the names that Windows keeps for devices, in every directory and in any case
// (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
var devices = []string{
	"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$",
	"COM0", "COM1", "COM2", "COM3", "COM4", "COM5", "COM6", "COM7", "COM8", "COM9", "COM¹", "COM²", "COM³",
	"LPT0", "LPT1", "LPT2", "LPT3", "LPT4", "LPT5", "LPT6", "LPT7", "LPT8", "LPT9", "LPT¹", "LPT²", "LPT³",
}

// isDevice reports whether Windows takes name for a device: it looks at what is before the first dot,
// without trailing spaces.
func isDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.TrimRight(base, " ")
	return slices.ContainsFunc(devices, func(device string) bool { return strings.EqualFold(base, device) })
}

// split parts name before its extension: from the last dot on, or from ".tar." on.
// An extension has no white space and at most maxExtension bytes.
func split(name string) (stem, extension string) {
	dot := strings.LastIndexByte(name, '.')
	if dot <= 0 || len(name)-dot > maxExtension || strings.ContainsFunc(name[dot:], unicode.IsSpace) {
		return name, ""
	}
	const tar = ".tar"
	if before := dot - len(tar); before > 0 && strings.EqualFold(name[before:dot], tar) {
		dot = before
	}
	return name[:dot], name[dot:]
}

// fit shortens name to at most limit bytes, and keeps its extension.
func fit(name string, limit int) string {
	if len(name) <= limit {
		return name
	}
	stem, extension := split(name)
	return trim(cut(stem, limit-len(extension))) + extension
}
