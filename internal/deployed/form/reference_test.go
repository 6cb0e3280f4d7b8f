package form_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"uploadfiles/internal/deployed/form"
)

const writtenCases = "testdata/cases.jsonl"

var casesFile = flag.String("cases", writtenCases, "forms and how the reference reads each")

// A disagreement is a form that is read otherwise than by the reference. It is
// refused for this reason, or it has files of these names.
type disagreement struct {
	refused string
	names   []string
	why     string
}

const (
	twoReadings   = "the reference takes the last; a reader that takes the first sees another part"
	cutOff        = "the reference drops the unfinished part, and the file is gone"
	lineEnds      = "two readers that disagree about line ends are a way around a filter"
	almost        = "the reference makes one file of two that other readers see"
	limit         = "the reference has no such limit"
	ownCharset    = "a value says its own charset (RFC 8187, section 3.2); the reference reads it in the form's"
	pairs         = "a backslash may stand before any character (RFC 9110, section 5.6.4)"
	betterName    = "the reference takes the last, and the name is lost"
	foreignLetter = "the reference has the tables of many charsets; a name is not to be misread"
)

var disagreements = map[string]disagreement{
	"disposition: name twice":                  {refused: "a parameter with two values", why: twoReadings},
	"disposition: name and name* that differ":  {refused: "a parameter with two values", why: twoReadings},
	"header: disposition twice, another field": {refused: "two dispositions that disagree", why: twoReadings},
	"header: disposition twice, then a text":   {refused: "two dispositions that disagree", why: twoReadings},
	"header: disposition twice, then empty":    {refused: "two dispositions that disagree", why: twoReadings},
	"content type: boundary twice, the last is right": {
		refused: "a parameter with two values", why: twoReadings},
	"content type: boundary and boundary* that differ": {
		refused: "a parameter with two values", why: twoReadings},
	"disposition: filename* twice": {
		refused: "pieces of a parameter", why: "the reference joins the two into a name that nobody sent"},
	"disposition: continuation twice": {
		refused: "pieces of a parameter", why: "the reference joins the two in the order of the alphabet"},

	"frame: one dash":                               {refused: "does not begin with its delimiter", why: cutOff},
	"frame: opening delimiter only":                 {refused: "no line end after the delimiter", why: cutOff},
	"frame: opening delimiter and its line end":     {refused: "ends inside a header", why: cutOff},
	"frame: closing delimiter with one dash":        {refused: "no closing delimiter", why: cutOff},
	"frame: nothing before the closing delimiter":   {refused: "no closing delimiter", why: cutOff},
	"frame: cut behind a delimiter":                 {refused: "ends inside a header", why: cutOff},
	"frame: cut inside the closing delimiter":       {refused: "no closing delimiter", why: cutOff},
	"frame: cut before the closing delimiter":       {refused: "no closing delimiter", why: cutOff},
	"disposition: line feed in the filename":        {refused: "half a line end in a header", why: lineEnds},
	"header: line feed inside":                      {refused: "half a line end in a header", why: lineEnds},
	"frame: line feed after a delimiter":            {refused: "almost a delimiter", why: lineEnds},
	"frame: carriage return after a delimiter":      {refused: "almost a delimiter", why: lineEnds},
	"frame: line feed before a delimiter":           {refused: "almost a delimiter", why: lineEnds},
	"frame: line feed before the closing delimiter": {refused: "almost a delimiter", why: lineEnds},
	"frame: line feed and delimiter where the content begins": {
		refused: "almost a delimiter", why: lineEnds},
	"frame: content with the delimiter behind a line feed": {
		refused: "almost a delimiter", why: lineEnds},
	"frame: space after a delimiter":                {refused: "almost a delimiter", why: almost},
	"frame: tab after a delimiter":                  {refused: "almost a delimiter", why: almost},
	"frame: text after a delimiter":                 {refused: "almost a delimiter", why: almost},
	"frame: closing delimiter with a space between": {refused: "almost a delimiter", why: almost},
	"frame: delimiter where the content begins":     {refused: "where the content begins", why: almost},
	"frame: content of the delimiter alone":         {refused: "where the content begins", why: almost},
	"frame: closing delimiter where the content begins": {
		refused: "where the content begins", why: almost},
	"boundary that is empty": {
		refused: "an empty boundary", why: "every line of two hyphens would end a file"},

	"header: eleven lines":   {refused: "too many lines", why: limit},
	"header: over eight KiB": {refused: "a header of too many bytes", why: limit},
	"boundary of 71":         {refused: "a boundary of too many bytes", why: limit},

	"charset Windows-1252":                                {refused: "a name in a charset", why: foreignLetter},
	"charset of a field only":                             {refused: "a name in a charset", why: foreignLetter},
	"charset of a filename only":                          {refused: "a name in a charset", why: foreignLetter},
	"charset Shift JIS":                                   {refused: "a name in a charset", why: foreignLetter},
	"charset unknown, UTF-8 sent":                         {refused: "a name in a charset", why: foreignLetter},
	"charset ISO-8859-1, filename* in UTF-8":              {names: []string{"日.txt"}, why: ownCharset},
	"charset ISO-8859-1, filename* in UTF-8, in quotes":   {names: []string{"日.txt"}, why: ownCharset},
	"charset ISO-8859-1, name* in UTF-8":                  {names: []string{"a.txt"}, why: ownCharset},
	"charset windows-1252, filename* in UTF-8":            {names: []string{"日.txt"}, why: ownCharset},
	"charset windows-1252, filename* in UTF-8, in quotes": {names: []string{"日.txt"}, why: ownCharset},
	"charset windows-1252, name* in UTF-8":                {names: []string{"a.txt"}, why: ownCharset},
	"disposition: filename* in Latin-1 that could be UTF-8": {
		names: []string{"Ã©.txt"}, why: ownCharset},
	"disposition: filename* in invalid UTF-8 beside filename": {names: []string{"a.txt"}, why: betterName},
	"disposition: filename* empty":                            {names: []string{"a.txt"}, why: betterName},
	"disposition: filename twice, then empty":                 {names: []string{"a.txt"}, why: betterName},
	"charset Latin-1, UTF-8 sent": {
		names: []string{"é"}, why: "what can be UTF-8 is; Apache HttpClient 5 labels every form as Latin-1"},
	"charset ASCII, UTF-8 sent": {
		names: []string{"é"}, why: "what can be UTF-8 is; Apache HttpClient 5 labels every form as Latin-1"},
	"disposition: backslash before a space":         {names: []string{`my "report".txt`}, why: pairs},
	"disposition: backslash before a tab":           {names: []string{"my\treport.txt"}, why: pairs},
	"disposition: three backslashes before a space": {names: []string{`dir\ a.txt`}, why: pairs},

	"charset UTF-16, ASCII sent": {
		names: []string{"ee"}, why: "names that are ASCII are read as ASCII in every charset"},
	"content type: in capitals": {
		names: []string{"a.txt"}, why: "media types are case-insensitive (RFC 9110, section 8.3.1)"},
	"disposition: unquoted name that ends in a letter with 0xA0": {
		names: []string{"voilà"}, why: "the reference takes half a letter for white space"},
	"disposition: broken continuation of another parameter": {
		names: []string{"a.txt"}, why: "parameters that nobody reads are not looked at"},
}

func TestReadsAsTheReference(t *testing.T) {
	data, err := os.ReadFile(*casesFile)
	if err != nil {
		t.Fatal(err)
	}
	disagree := 0
	for line := range bytes.Lines(data) {
		c := decodeCase(t, line)
		got, err := read(c.contentType, c.Body)
		d, known := disagreements[c.Name]
		diff := cmp.Diff(c.Reference, got, cmpopts.EquateEmpty())
		switch {
		case diff == "" && known:
			t.Errorf("%s: read as by the reference, and listed as a disagreement", c.Name)
		case diff == "":
			continue
		case known && d.holds(got, err):
		case *casesFile != writtenCases && (isListedRefusal(err) || isBetterName(c, got)):
		default:
			t.Errorf("%s: err = %v, (-reference +got):\n%s", c.Name, err, diff)
		}
		disagree++
	}
	if *casesFile == writtenCases && disagree != len(disagreements) {
		t.Errorf("%d disagreements, %d are listed", disagree, len(disagreements))
	}
}

// holds reports whether the form was read as d says.
func (d disagreement) holds(got reading, err error) bool {
	if d.refused != "" {
		return errors.Is(err, form.ErrMalformed) && strings.Contains(err.Error(), d.refused)
	}
	var names []string
	for _, p := range got.Parts {
		if p.Filename != nil {
			names = append(names, *p.Filename)
		}
	}
	return err == nil && cmp.Equal(names, d.names)
}

// isListedRefusal reports whether some listed disagreement is refused alike.
func isListedRefusal(err error) bool {
	for _, d := range disagreements {
		if d.refused != "" && d.holds(reading{}, err) {
			return true
		}
	}
	return false
}

// isBetterName reports whether the two readings differ in nothing but the names of
// files, where there are two for one.
func isBetterName(c formCase, got reading) bool {
	ours, theirs := slices.Clone(got.Parts), slices.Clone(c.Reference.Parts)
	files := 0
	for _, parts := range [][]readingPart{theirs, ours} {
		files = 0
		for i, p := range parts {
			if p.Filename != nil {
				parts[i].Filename = new("")
				files++
			}
		}
	}
	return bytes.Count(c.Body, []byte("filename")) > files && cmp.Equal(ours, theirs, cmpopts.EquateEmpty())
}

// A formCase is one line of testdata/reference/make_cases.py.
type formCase struct {
	Name        string
	ContentType string `json:"content_type"` // one rune for each byte
	Body        []byte `json:"body_base64"`
	Reference   reading

	contentType string
}

func decodeCase(tb testing.TB, line []byte) formCase {
	tb.Helper()
	var c formCase
	if err := json.Unmarshal(line, &c); err != nil {
		tb.Fatal(err)
	}
	for _, r := range c.ContentType {
		c.contentType += string([]byte{byte(r)})
	}
	return c
}

// A reading is what became of a form: an error or its parts.
type reading struct {
	Error string        `json:"error"`
	Parts []readingPart `json:"parts"`
}

type readingPart struct {
	Name        string  `json:"name"`
	Text        *string `json:"text"`
	Filename    *string `json:"filename"`
	ContentType string  `json:"content_type"`
	Size        int     `json:"size"`
	SHA256      string  `json:"sha256"`
}

func read(contentType string, body []byte) (reading, error) {
	parts, err := parse(contentType, body)
	if err != nil {
		return reading{Error: textOf(err)}, err
	}
	var r reading
	for _, p := range parts {
		r.Parts = append(r.Parts, readPart(p))
	}
	return r, nil
}

func parse(contentType string, body []byte) ([]form.Part, error) {
	m, err := form.ParseMedia(contentType)
	if err != nil {
		return nil, err
	}
	return form.Parse(body, m, form.Limits{})
}

func readPart(p form.Part) readingPart {
	if !p.IsFile {
		text := p.Text()
		return readingPart{Name: p.Name, Text: &text}
	}
	return readingPart{
		Name:        p.Name,
		Filename:    &p.Filename,
		ContentType: p.ContentType,
		Size:        len(p.Body),
		SHA256:      hexSHA256(p.Body),
	}
}

func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// textOf returns the reference's text for an error.
func textOf(err error) string {
	for _, t := range []struct {
		err  error
		text string
	}{
		{form.ErrNotForm, "not a form"},
		{form.ErrNoBoundary, "Missing boundary in multipart."},
		{form.ErrNoName, `The Content-Disposition header field "name" must be provided.`},
		{form.ErrTooManyFiles, "Too many files. Maximum number of files is 1000."},
		{form.ErrTooManyFields, "Too many fields. Maximum number of fields is 1000."},
		{form.ErrFieldTooLarge, "Part exceeded maximum size of 1024KB."},
		{form.ErrMalformed, "There was an error parsing the body"},
	} {
		if errors.Is(err, t.err) {
			return t.text
		}
	}
	return "no known error: " + err.Error()
}
