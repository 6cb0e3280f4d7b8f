// Package filename makes the names that clients send safe to store, to show and to download.
package filename

import (
	"encoding/hex"
	"iter"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"
)

// MaxLength is the most bytes of one element of a path: what Linux, macOS and
// Windows allow.
const MaxLength = 255

// What the folders of a path can have.
const (
	MaxDepth   = 32  // folders in one another
	MaxFolders = 512 // bytes of all of them, slashes included
)

// MaxKey is the most bytes of an object key
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html).
const MaxKey = 1024

// maxExtension is the most bytes of an extension, with its dot. What is longer is part of the name.
const maxExtension = 20

// Safe turns a name that a client sent, which may be a path, into one that every
// common file system takes and that shows itself as what it is: elements with a
// slash between them, of which the last is the file and the others are folders.
// A safe name comes back as it is.
//
//   - Both / and \ separate. A drive or the root of a network share in front goes,
//     and so do empty elements, "." and "..": nothing is above the first folder.
//   - The result is valid UTF-8 in Unicode NFC: each run of invalid bytes becomes U+FFFD.
//   - Control and other invisible characters go, among them those that turn the direction of text.
//     Joiners and variation selectors stay where a script or an emoji needs them.
//   - Every space separator of Unicode becomes a plain space, which is the one that can be typed.
//   - Each of <>:"|?* becomes an underscore: Windows refuses them.
//   - What forms write for a quotation mark and for line ends, %22, %0D and %0A, is taken for those,
//     so that a file has one name however it is sent. Other percent signs stay.
//   - White space at both ends of an element goes, and dots at its end; leading dots stay, for which tools look.
//     A leading hyphen, which programs take for an option,
//     and a Windows device name get an underscore in front.
//   - What of an element is over [MaxLength] bytes is cut before the extension, and not inside a character as a reader sees it.
//   - Of folders beyond [MaxDepth] or [MaxFolders] the outer ones go, so that the end of the path stays.
//
// Letters of every script stay. Where nothing is left, the name is "unnamed" with an extension that
// fits contentType, or with none for a type that is not known. No element of the result is empty, "." or "..".
func Safe(name, contentType string) string {
	if safe := safePath(name); safe != "" {
		return safe
	}
	return "unnamed" + extensionFor(contentType)
}

// In is [Safe] of a name for a key that begins with dir, which has at most
// MaxKey-MaxLength bytes: folders for which the key has no room go, the outer ones
// first.
func In(dir, name, contentType string) string {
	return within(Safe(name, contentType), MaxKey-MaxLength-len(dir))
}

// Lookup is [In] of a name that is to be found. It is false for what no file can
// be named, as nothing of it is left.
func Lookup(dir, name string) (safe string, ok bool) {
	safe = safePath(name)
	return within(safe, MaxKey-MaxLength-len(dir)), safe != ""
}

// Is reports whether name is what [In] makes of names.
func Is(dir, name string) bool {
	safe, ok := Lookup(dir, name)
	return ok && safe == name
}

// Split parts a safe name behind its last slash: dir is empty or ends in one.
func Split(name string) (dir, last string) {
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i], name[i:]
}

// Base is the last element of a safe name.
func Base(name string) string {
	_, last := Split(name)
	return last
}

// Folders yields the folders of a safe name from the outermost on, without
// slashes at their ends: "a" and "a/b" of "a/b/c.txt".
func Folders(name string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for i := range len(name) {
			if name[i] == '/' && !yield(name[:i]) {
				return
			}
		}
	}
}

// WithHash puts the first digits hexadecimal digits of sum, after a tilde, before the extension of name,
// so that files of one name and different content have different names: "report~3f2a9c1b.pdf".
// The name must be one that [Safe] returned; then the result is safe too, and in the same folder.
// The digits are 1 to 64; a number outside of that counts as the nearer end.
func WithHash(name string, sum [32]byte, digits int) string {
	digits = min(max(digits, 1), hex.EncodedLen(len(sum)))
	suffix := "~" + hex.EncodeToString(sum[:])[:digits]
	dir, last := Split(name)
	stem, extension := split(last)
	if room := MaxLength - len(suffix) - len(extension); len(stem) > room {
		stem = trim(cut(stem, room))
	}
	return dir + stem + suffix + extension
}

// safePath is [Safe], or empty where nothing is left.
func safePath(name string) string {
	if !strings.ContainsAny(name, separators) {
		return safeElement(name)
	}
	rest := withoutRoot(name)
	var kept [1 + MaxDepth]string // the last element first
	n, folders := 0, 0
	changed := len(rest) != len(name)
	for rest != "" && n < len(kept) {
		i := strings.LastIndexAny(rest, separators)
		sent := rest[i+1:]
		changed = changed || i >= 0 && rest[i] != '/'
		rest = rest[:max(i, 0)]
		element := safeElement(sent)
		changed = changed || element != sent || element == "" || i == 0
		if element == "" {
			continue
		}
		if n > 0 {
			folders += len(element) + 1
		}
		if folders > MaxFolders {
			changed = true
			break
		}
		kept[n] = element
		n++
	}
	if !changed && rest == "" {
		return name
	}
	slices.Reverse(kept[:n])
	return strings.Join(kept[:n], "/")
}

// separators are what parts the elements of a path, on one system or another.
const separators = `/\`

// withoutRoot cuts off what stands before the folders of a full path of Windows:
// "C:\" and "\\server\share\", and their long forms "\\?\C:\" and
// "\\?\UNC\server\share\"
// (https://learn.microsoft.com/en-us/dotnet/standard/io/file-path-formats).
// Browsers put "C:\fakepath\" before the name where a page asks for it
// (https://html.spec.whatwg.org/multipage/input.html#fakepath-srsly).
func withoutRoot(path string) string {
	if rest, ok := strings.CutPrefix(path, `\\`); ok {
		first, below := cutElement(rest)
		if first != "?" && first != "." {
			_, below = cutElement(below)
			return below
		}
		if unc, rest := cutElement(below); strings.EqualFold(unc, "UNC") {
			_, rest = cutElement(rest)
			_, rest = cutElement(rest)
			return rest
		}
		path = below
	}
	first, rest := cutElement(path)
	if !isDrive(first) {
		return path
	}
	if fake, name := cutElement(rest); strings.EqualFold(fake, "fakepath") && name != "" {
		return name
	}
	return rest
}

func cutElement(path string) (first, rest string) {
	i := strings.IndexAny(path, separators)
	if i < 0 {
		return path, ""
	}
	return path[:i], path[i+1:]
}

func isDrive(element string) bool {
	return len(element) == 2 && element[1] == ':' && 'a' <= element[0]|0x20 && element[0]|0x20 <= 'z'
}

// within drops outer folders of a safe name until they have at most so many
// bytes, slashes included.
func within(name string, folders int) string {
	dir, _ := Split(name)
	for over := len(dir) - max(folders, 0); over > 0; {
		i := strings.IndexByte(name, '/') + 1
		name = name[i:]
		over -= i
	}
	return name
}

// safeElement is [Safe] for one element of a path, or empty where nothing is
// left of it.
func safeElement(name string) string {
	name = trim(clean(ends(name)))
	if name == "" {
		return ""
	}
	name = fit(name, MaxLength)
	if needsUnderscore(name) {
		name = "_" + fit(name, MaxLength-1)
	}
	return name
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
