package textfile

import (
	"bytes"
	"unicode/utf8"

	"github.com/gogs/chardet"
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
)

// A charset is one that can be detected.
type charset struct {
	name     string
	encoding encoding.Encoding // nil where it can be told from others, and not be read
	evidence evidence
	// rival has the same languages and some letters elsewhere. The detector cannot
	// tell the two apart where a text has few of these.
	rival encoding.Encoding
	// foreign are letters of none of the languages that the detector knows in the
	// charset. Where there are more than a few, the bytes are letters of another.
	foreign string
}

// evidence is what is asked for before a charset is believed.
type evidence struct {
	confidence int // of the detector, of 100
	beyond     int // characters beyond ASCII
}

// Of 10,000 pieces of 60 to 20,000 bytes, of texts in 47 languages and 40 charsets as
// prose, tables and code, a sixth is decided with these, one in 200 of them wrongly:
// in charsets of old Macs that are not known here, and shorter than 400 bytes. With
// less evidence the wrong ones grow faster than the right ones.
var (
	alphabetic = evidence{confidence: 40, beyond: 10}
	// A few characters of these charsets are found in any bytes.
	ideographic = evidence{confidence: 70, beyond: 20}
)

const (
	icelandicAndSlavic = "ÝýÞþÐðŠšŽž"
	balkan             = "ЂЃѓЉЊЌЋЏђљњќћџЎўЈ"
)

// charsets are those of the detector, by its names for them. ISO-8859-1 and
// ISO-8859-9 are read as the charsets of Windows that contain them, as browsers do.
// Those of IBM's mainframes and the ones that switch by escapes are left out: a
// file in these is not what a person sends. Big5 is only told from the others: its
// tables have a quarter of a megabyte, for which a function has no room.
var charsets = map[string]charset{
	"ISO-8859-1":   {"windows-1252", charmap.Windows1252, alphabetic, nil, icelandicAndSlavic},
	"windows-1252": {"windows-1252", charmap.Windows1252, alphabetic, nil, icelandicAndSlavic},
	"ISO-8859-2":   {"iso-8859-2", charmap.ISO8859_2, alphabetic, charmap.Windows1250, ""},
	"windows-1250": {"windows-1250", charmap.Windows1250, alphabetic, charmap.ISO8859_2, ""},
	"ISO-8859-5":   {"iso-8859-5", charmap.ISO8859_5, alphabetic, nil, ""},
	"ISO-8859-6":   {"iso-8859-6", charmap.ISO8859_6, alphabetic, nil, ""},
	"ISO-8859-7":   {"iso-8859-7", charmap.ISO8859_7, alphabetic, charmap.Windows1253, ""},
	"windows-1253": {"windows-1253", charmap.Windows1253, alphabetic, charmap.ISO8859_7, ""},
	"ISO-8859-8":   {"iso-8859-8", charmap.ISO8859_8, alphabetic, charmap.Windows1255, ""},
	"windows-1255": {"windows-1255", charmap.Windows1255, alphabetic, nil, ""},
	"ISO-8859-9":   {"windows-1254", charmap.Windows1254, alphabetic, nil, ""},
	"windows-1254": {"windows-1254", charmap.Windows1254, alphabetic, nil, ""},
	"windows-1251": {"windows-1251", charmap.Windows1251, alphabetic, nil, balkan},
	"windows-1256": {"windows-1256", charmap.Windows1256, alphabetic, nil, ""},
	"KOI8-R":       {"koi8-r", charmap.KOI8R, alphabetic, charmap.KOI8U, ""},
	"Shift_JIS":    {"shift_jis", japanese.ShiftJIS, ideographic, nil, ""},
	"EUC-JP":       {"euc-jp", japanese.EUCJP, ideographic, nil, ""},
	"EUC-KR":       {"euc-kr", korean.EUCKR, ideographic, nil, ""},
	"Big5":         {name: "big5"},
	"GB18030":      {"gb18030", simplifiedchinese.GB18030, ideographic, nil, ""},
}

const (
	// ahead is how far the confidence must be from that of the next charset in which
	// the bytes are another text.
	ahead = 10
	// sampleSize is how many bytes the detector and the look at words are given. More
	// take longer and make neither surer.
	sampleSize = 64 << 10
)

// detect decodes a text in the charset that the detector is sure of and in which it
// looks like one. The order in which the detector gives charsets that it holds for
// equal is by chance, and so must not matter.
func detect(data []byte) (Text, error) {
	piece := sample(data)
	results, err := chardet.NewTextDetector().DetectAll(piece)
	if err != nil { // there is none
		return Text{}, ErrUnknown
	}
	var found Text
	var in charset
	confidence := 0
	for _, r := range results {
		isBehind := found.Encoding != "" && confidence-r.Confidence >= ahead
		isUnsure := found.Encoding == "" && r.Confidence < alphabetic.confidence // no charset asks for less
		if isBehind || isUnsure {
			break // as all that follow, which are no surer
		}
		c, ok := charsets[r.Charset]
		if !ok {
			continue
		}
		if c.encoding == nil {
			return Text{}, ErrUnknown
		}
		text, ok := decode(c.encoding, data)
		switch {
		case !ok || text == found.String:
		case found.Encoding == "":
			found, in, confidence = Text{text, c.name}, c, r.Confidence
		default:
			return Text{}, ErrUnknown
		}
	}
	if found.Encoding == "" || confidence < in.evidence.confidence || !in.isText(piece) || in.isMatched(data, piece, found.String) {
		return Text{}, ErrUnknown
	}
	return found, nil
}

// isText reports whether a piece of a text is long enough to judge and looks like
// one in the charset.
func (c charset) isText(piece []byte) bool {
	text, err := c.encoding.NewDecoder().Bytes(piece)
	if err != nil {
		return false
	}
	beyond, odd := oddities(string(text), c.foreign)
	return beyond >= c.evidence.beyond && odd*rareness <= beyond
}

// isMatched reports whether the bytes are another text, as good as this one, in the
// rival.
func (c charset) isMatched(data, piece []byte, text string) bool {
	if c.rival == nil {
		return false
	}
	other, ok := decode(c.rival, data)
	return ok && other != text && charset{encoding: c.rival, evidence: c.evidence}.isText(piece)
}

// decode reports false where the bytes are not in the charset, or are what no text
// has in it.
func decode(e encoding.Encoding, data []byte) (text string, ok bool) {
	decoded, err := e.NewDecoder().Bytes(data)
	if err != nil || bytes.ContainsFunc(decoded, isStray) {
		return "", false
	}
	return string(decoded), true
}

// isStray tells the characters that a wrong charset makes: the one that stands for
// bytes that are none, further control characters, and private ones.
func isStray(r rune) bool {
	return r == utf8.RuneError || 0x80 <= r && r < 0xA0 || 0xE000 <= r && r < 0xF900
}

// sample is of the lines that are not in ASCII alone. Those would tell the detector
// of a language and not of a charset, so that a line of Russian below a page of
// English passed for Western Europe. No charset has a line feed within a character.
func sample(data []byte) []byte {
	out := make([]byte, 0, min(len(data), sampleSize))
	for line := range bytes.Lines(data) {
		if isASCII(line) {
			continue
		}
		room := sampleSize - len(out)
		if len(line) > room {
			return append(out, line[:room]...)
		}
		out = append(out, line...)
	}
	return out
}

func isASCII(line []byte) bool {
	for _, b := range line {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
