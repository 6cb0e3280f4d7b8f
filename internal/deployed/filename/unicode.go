package filename

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

const (
	// refused are the characters that Windows allows in no file name, beside the separators
	// (https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file).
	refused = `<>:"|?*`

	// firstJoining is where the scripts begin whose letters change by joiners and variation selectors:
	// Arabic, then those of India and Mongolia, and later the emoji. Latin, Greek, Cyrillic and Hebrew,
	// below, need none, and there a joiner would only make two names look the same.
	firstJoining = 0x600

	// maxAttached is the most combining characters that stay in a row. No script stacks as many.
	// It also keeps a name below the 30 where normalization would put a separator in
	// (https://unicode.org/reports/tr15/#Stream_Safe_Text_Format).
	maxAttached = 10

	zeroWidthNonJoiner      = '\u200C'
	zeroWidthJoiner         = '\u200D'
	mongolianVowelSeparator = '\u180E'
)

// invisible are the characters that are never seen, and what XML, the form of S3's listings, has no place for.
var invisible = []*unicode.RangeTable{
	unicode.Cc,
	unicode.Cf,
	unicode.Zl,
	unicode.Zp,
	unicode.Other_Default_Ignorable_Code_Point,
	unicode.Noncharacter_Code_Point,
}

// clean returns name as valid UTF-8 in NFC, without the characters that filter takes out.
func clean(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	for {
		// What filter takes out can bring together what normalization then composes, and the other way round.
		// Each further round has fewer characters, so this ends.
		next := filter(norm.NFC.String(unescape(name)))
		if next == name {
			return name
		}
		name = next
	}
}

// unescape makes of %22, %0D and %0A what filter makes of a quotation mark and of line ends: browsers and curl
// write those so in a form, where they would end the name
// (https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data).
// What comes together where one goes is undone as well, in the same pass.
func unescape(name string) string {
	if !strings.Contains(name, "%") {
		return name
	}
	out := make([]byte, 0, len(name))
	for i := range len(name) {
		out = append(out, name[i])
		before := out[:max(0, len(out)-len("%22"))]
		switch string(out[len(before):]) {
		case "%22":
			out = append(before, '_')
		case "%0D", "%0A":
			out = before
		}
	}
	return string(out)
}

// filter puts an underscore for each refused character and a plain space for each other one, and
// drops the invisible characters, but for joiners and variation selectors directly after a character that they can change.
func filter(name string) string {
	var last rune // the last one that stayed
	attached := 0 // how many in a row are attached to the one before
	return strings.Map(func(r rune) rune {
		switch {
		case strings.ContainsRune(refused, r):
			r = '_'
		case unicode.Is(unicode.Zs, r):
			r = ' '
		case isJoiner(r):
			if !isJoining(last) {
				return -1
			}
			last = r
			return r
		case isSelector(r):
			if !isJoining(last) || isSelector(last) {
				return -1
			}
		case isInvisible(r):
			return -1
		}
		if !attaches(r) {
			attached = 0
		} else if attached++; attached > maxAttached {
			return -1
		}
		last = r
		return r
	}, name)
}

func isJoiner(r rune) bool {
	return r == zeroWidthNonJoiner || r == zeroWidthJoiner || r == mongolianVowelSeparator
}

func isSelector(r rune) bool {
	return unicode.Is(unicode.Variation_Selector, r)
}

// isJoining reports whether a joiner or a variation selector after r can change what is seen.
func isJoining(r rune) bool {
	return r >= firstJoining && unicode.In(r, unicode.L, unicode.M, unicode.S)
}

// isInvisible reports whether r has no shape of its own. The number signs of Arabic,
// which Unicode counts among the format characters, have one.
func isInvisible(r rune) bool {
	return unicode.In(r, invisible...) && !unicode.Is(unicode.Prepended_Concatenation_Mark, r)
}

// attaches reports whether r is a part of the character before it: a combining mark, or a jamo of a syllable.
func attaches(r rune) bool {
	return unicode.Is(unicode.M, r) || !norm.NFC.PropertiesString(string(r)).BoundaryBefore()
}

// trim takes white space from both ends of an element, and dots from its end.
func trim(name string) string {
	name = strings.TrimRightFunc(name, func(r rune) bool { return r == '.' || unicode.IsSpace(r) })
	return strings.TrimLeftFunc(name, unicode.IsSpace)
}

// cut returns the longest beginning of s of at most limit bytes that ends where a character ends as a reader sees it:
// not before what attaches to the character before, and not inside an emoji or a flag.
// Of a single character that is longer than limit, it returns what fits.
func cut(s string, limit int) string {
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	for end := limit; end > 0; {
		if !isInsideCharacter(s, end) {
			return s[:end]
		}
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	return s[:limit]
}

// isInsideCharacter reports whether a cut of s at i would part what a reader sees as one character.
// It knows the rules of https://unicode.org/reports/tr29/ that matter in file names.
func isInsideCharacter(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i:])
	switch {
	case before == zeroWidthJoiner, isJoiner(after), isSkinTone(after), attaches(after):
		return true
	case isFlagHalf(before) && isFlagHalf(after):
		return flagHalvesBefore(s, i)%2 == 1
	}
	return false
}

func isSkinTone(r rune) bool { return r >= 0x1F3FB && r <= 0x1F3FF }

// isFlagHalf reports whether r is a regional indicator. Two of them make a flag.
func isFlagHalf(r rune) bool { return unicode.Is(unicode.Regional_Indicator, r) }

func flagHalvesBefore(s string, i int) (n int) {
	for i > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:i])
		if !isFlagHalf(r) {
			break
		}
		i -= size
		n++
	}
	return n
}
