package textfile

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// rareness is how many characters beyond ASCII there must be for each that is odd:
// people write the names of products, and make mistakes.
const rareness = 50

// oddities counts the characters of a decoded text that are beyond ASCII, and those
// that are not where people put them. A wrong charset gives letters too, but
// capitals behind small ones, signs within words, words of accents alone, two
// alphabets in a word.
func oddities(text, foreign string) (beyond, odd int) {
	var w words
	for _, r := range text {
		if r >= utf8.RuneSelf {
			beyond++
		}
		// Two characters of ASCII say nothing.
		if (r >= utf8.RuneSelf || w.last >= utf8.RuneSelf) && (w.isOdd(r) || strings.ContainsRune(foreign, r)) {
			odd++
		}
		w.next(r)
	}
	if w.isOdd(' ') {
		odd++
	}
	opened, closed := strings.Count(text, "«"), strings.Count(text, "»")
	return beyond, odd + max(opened-closed, closed-opened)
}

// words is where one is in a text: behind which characters, and how far in a word
// of Latin letters.
type words struct {
	last, beforeLast rune
	letters, accents int
}

func (w *words) next(r rune) {
	w.beforeLast, w.last = w.last, r
	if alphabet(r) != unicode.Latin {
		w.letters, w.accents = 0, 0
		return
	}
	w.letters++
	if r >= utf8.RuneSelf {
		w.accents++
	}
}

// isOdd reports whether r does not follow what is before it, or ends what is no
// word.
func (w *words) isOdd(r rune) bool {
	before, now := alphabet(w.last), alphabet(r)
	switch {
	case w.accents > 1 && w.accents == w.letters && now != unicode.Latin:
		return true // a word of accents
	case r >= utf8.RuneSelf && unicode.IsUpper(r) && unicode.IsLower(w.last):
		return true
	case isLatin1Symbol(r) && isLatin1Symbol(w.last) && r != w.last:
		return true
	case now == nil:
		return false
	case before != nil && before != now:
		return true // two alphabets
	case unicode.Is(unicode.No, w.last):
		return true // a raised figure or a fraction before a letter
	case isSign(w.last) && alphabet(w.beforeLast) != nil:
		return true // a sign within a word
	}
	return unicode.IsLower(r) && unicode.Is(unicode.Han, w.last) && 'a' <= w.beforeLast && w.beforeLast <= 'z'
}

// within are the signs that stand within words.
const within = "\u00A0\u00AD‘’·–—"

func isSign(r rune) bool {
	return r >= utf8.RuneSelf && !unicode.IsLetter(r) && !unicode.IsMark(r) && !strings.ContainsRune(within, r)
}

func isLatin1Symbol(r rune) bool {
	return 0xA0 < r && r <= unicode.MaxLatin1 && (unicode.IsSymbol(r) || unicode.Is(unicode.No, r))
}

var alphabets = []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek, unicode.Hebrew, unicode.Arabic}

// alphabet is nil for what is no letter of one, such as those of Chinese and
// Japanese, which stand in a word with others.
func alphabet(r rune) *unicode.RangeTable {
	switch {
	case 'a' <= r|0x20 && r|0x20 <= 'z':
		return unicode.Latin
	case r < utf8.RuneSelf || !unicode.IsLetter(r):
		return nil
	}
	for _, a := range alphabets {
		if unicode.Is(a, r) {
			return a
		}
	}
	return nil
}
