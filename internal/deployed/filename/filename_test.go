package filename_test

import (
	"bufio"
	"crypto/sha256"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"iter"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"uploadfiles/internal/deployed/filename"
)

func TestSafeGivesTheNameOfEachRecordedCase(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded cases: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			for _, test := range recorded(t, file) {
				got := filename.Safe(test.in, "")
				if got != test.want {
					t.Errorf("Safe(%+q) = %+q, want %+q", test.in, got, test.want)
				}
				checkSafe(t, got)
			}
		})
	}
}

func TestSafeTamesEveryNaughtyString(t *testing.T) {
	data, err := os.ReadFile("testdata/blns.json")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	if err := json.Unmarshal(data, &names); err != nil {
		t.Fatal(err)
	}
	if len(names) != 515 {
		t.Fatalf("blns.json has %d strings, want 515", len(names))
	}
	for _, name := range names {
		checkSafe(t, filename.Safe(name, "text/plain"))
		checkSafe(t, filename.Safe(name+".pdf", ""))
		checkAttachment(t, name)
	}
}

func TestSafeTamesEveryCharacter(t *testing.T) {
	for r := range known() {
		in := "a" + string(r) + "b.txt"
		got := filename.Safe(in, "")
		if reason := whyUnsafe(got); reason != "" {
			t.Errorf("Safe(%+q) = %+q: %s", in, got, reason)
		}
		if isShown(r) && got != norm.NFC.String(in) {
			t.Errorf("Safe(%+q) = %+q: a character of a script is lost", in, got)
		}
	}
}

// known yields the code points that Unicode says something about, but for most of the ideographs,
// of which one is as good as another.
func known() iter.Seq[rune] {
	tables := []*unicode.RangeTable{
		unicode.L, unicode.M, unicode.N, unicode.P, unicode.S, unicode.Z, unicode.Cc, unicode.Cf,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Noncharacter_Code_Point,
	}
	return func(yield func(rune) bool) {
		for _, table := range tables {
			spans := slices.Clone(table.R32)
			for _, span := range table.R16 {
				spans = append(spans, unicode.Range32{Lo: uint32(span.Lo), Hi: uint32(span.Hi), Stride: uint32(span.Stride)})
			}
			for _, span := range spans {
				for r := span.Lo; r <= span.Hi; r += span.Stride {
					another := unicode.Is(unicode.Han, rune(r)) && r%256 != 0
					if !another && !yield(rune(r)) {
						return
					}
				}
			}
		}
	}
}

func TestSafeNamesWhatHasNoName(t *testing.T) {
	tests := []struct{ contentType, want string }{
		{"image/png", "unnamed.png"},
		{"image/jpeg", "unnamed.jpg"},
		{"application/pdf", "unnamed.pdf"},
		{"text/plain", "unnamed.txt"},
		{"text/plain; charset=utf-8", "unnamed.txt"},
		{"text/html", "unnamed.html"},
		{"application/zip", "unnamed.zip"},
		{"application/octet-stream", "unnamed"},
		{"application/x-nobody-knows", "unnamed"},
		{"not a type/../../x", "unnamed"},
		{"", "unnamed"},
	}
	for _, test := range tests {
		for _, name := range []string{"", ".", "..", "/", "../", "\x00", " . "} {
			if got := filename.Safe(name, test.contentType); got != test.want {
				t.Errorf("Safe(%q, %q) = %q, want %q", name, test.contentType, got, test.want)
			}
		}
	}
}

func TestSafeIgnoresTheTypeOfWhatHasAName(t *testing.T) {
	if got, want := filename.Safe("notes.md", "image/png"), "notes.md"; got != want {
		t.Errorf("Safe(notes.md, image/png) = %q, want %q", got, want)
	}
}

func TestSafeCutsLongNamesBeforeTheExtension(t *testing.T) {
	f := strings.Repeat("f", 300)
	tests := []struct{ name, in, want string }{
		{"long name", f + ".txt", f[:251] + ".txt"},
		{"long extension", "foo." + f, "foo." + f[:251]},
		{"no extension", f, f[:255]},
		{"no stem", "." + f, "." + f[:254]},
		{"both long", f + "." + f, f[:255]},
		{"255 bytes", f[:251] + ".txt", f[:251] + ".txt"},
		{"256 bytes", f[:252] + ".txt", f[:251] + ".txt"},
		{"two extensions", f + ".tar.gz", f[:248] + ".tar.gz"},
		{"two extensions in capitals", f + ".TAR.GZ", f[:248] + ".TAR.GZ"},
		{"a date is no extension", f + ".2026-01-02.log", f[:251] + ".log"},
		{"longest extension", f + "." + f[:19], f[:235] + "." + f[:19]},
		{"extension too long", f + "." + f[:20], f[:255]},
		{"a space is in no extension", f + ". and so on", f[:255]},
		{"2-byte characters", strings.Repeat("é", 300) + ".txt", strings.Repeat("é", 125) + ".txt"},
		{"3-byte characters", strings.Repeat("漢", 100) + ".txt", strings.Repeat("漢", 83) + ".txt"},
		{"4-byte characters", strings.Repeat("😀", 75) + ".txt", strings.Repeat("😀", 62) + ".txt"},
		{"spaces before the extension", f[:200] + strings.Repeat(" ", 200) + "a.txt", f[:200] + ".txt"},
		{"ends in spaces when cut", f[:254] + "   " + f, f[:254]},
		{"device when cut", "CON" + strings.Repeat(" ", 300) + "a.txt", "_CON.txt"},
		{"long device", "CON." + f, "_CON." + f[:250]},
		{"long with a hyphen", "-" + f + ".txt", "_-" + f[:249] + ".txt"},
		{"dots when cut", strings.Repeat(".", 300) + ".txt", ".txt"},
		{"long folder", f + ".d/" + f + ".txt", f[:253] + ".d/" + f[:251] + ".txt"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := filename.Safe(test.in, "")
			if got != test.want {
				t.Errorf("Safe(%q) = %q, want %q", test.in, got, test.want)
			}
			checkSafe(t, got)
		})
	}
}

func TestSafeCutsBetweenCharactersAsTheyAreSeen(t *testing.T) {
	tests := []struct{ name, character string }{
		{"letter with a mark", "x\u0323\u0302"},
		{"letter with a spacing mark", "की"},
		{"old syllable of jamo", "\u1113\u1161\u11a8"},
		{"emoji with a skin tone", "👍🏽"},
		{"emoji of two", "👩\u200d🚀"},
		{"emoji with a selector", "❤\ufe0f"},
		{"flag", "🇯🇵"},
		{"letter with a joiner", "ب\u200c"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for lead := range len(test.character) {
				in := strings.Repeat("a", lead) + strings.Repeat(test.character, 100) + ".txt"
				got := filename.Safe(in, "")
				checkSafe(t, got)
				rest := strings.TrimSuffix(strings.TrimLeft(got, "a"), ".txt")
				if whole := strings.Repeat(test.character, strings.Count(rest, test.character)); rest != whole || len(got) <= 255-len(test.character) {
					t.Errorf("Safe(100 times %+q) = %+q (%d bytes): cut inside a character, or too early", test.character, got, len(got))
				}
			}
		})
	}
}

func TestSafeCutsACharacterThatIsTooLongAlone(t *testing.T) {
	endless := strings.Repeat("👩\u200d", 100)
	got := filename.Safe(endless+".png", "")
	checkSafe(t, got)
	if !strings.HasSuffix(got, ".png") || len(got) < 240 {
		t.Errorf("Safe(endless emoji) = %+q, want about 255 bytes with the extension", got)
	}
}

func TestSafeOfASafeNameAllocatesNothing(t *testing.T) {
	for _, name := range []string{"report.pdf", "Quarterly report (final) v2.tar.gz", ".github/workflows/ci.yml"} {
		if n := testing.AllocsPerRun(100, func() { filename.Safe(name, "application/pdf") }); n != 0 {
			t.Errorf("Safe(%q) allocates %v times, want 0", name, n)
		}
	}
}

func TestWithHashPutsTheHashBeforeTheExtension(t *testing.T) {
	sum := sha256.Sum256([]byte("content"))
	full := fmt.Sprintf("%x", sum)
	f := strings.Repeat("f", 300)
	tests := []struct {
		name   string
		digits int
		want   string
	}{
		{"report.pdf", 8, "report~" + full[:8] + ".pdf"},
		{"report.pdf", 16, "report~" + full[:16] + ".pdf"},
		{"report.pdf", 64, "report~" + full + ".pdf"},
		{"report.pdf", 65, "report~" + full + ".pdf"},
		{"report.pdf", 0, "report~" + full[:1] + ".pdf"},
		{"archive.tar.gz", 8, "archive~" + full[:8] + ".tar.gz"},
		{"Archive.TAR.GZ", 8, "Archive~" + full[:8] + ".TAR.GZ"},
		{"tar.gz", 8, "tar~" + full[:8] + ".gz"},
		{"README", 8, "README~" + full[:8]},
		{"v1.2.pdf", 8, "v1.2~" + full[:8] + ".pdf"},
		{"Mr. Smith", 8, "Mr. Smith~" + full[:8]},
		{"_CON.txt", 8, "_CON~" + full[:8] + ".txt"},
		{"日本語.txt", 8, "日本語~" + full[:8] + ".txt"},
		{f[:251] + ".pdf", 8, f[:242] + "~" + full[:8] + ".pdf"},
		{f[:251] + ".pdf", 64, f[:186] + "~" + full + ".pdf"},
		{f[:255], 8, f[:246] + "~" + full[:8]},
		{"src/report.pdf", 8, "src/report~" + full[:8] + ".pdf"},
		{"v1.2/README", 8, "v1.2/README~" + full[:8]},
		{".env", 8, ".env~" + full[:8]},
		{f[:255] + "/" + f[:255], 8, f[:255] + "/" + f[:246] + "~" + full[:8]},
		{f[:240] + " .  " + f[:5] + ".pdf", 8, f[:240] + "~" + full[:8] + ".pdf"},
	}
	for _, test := range tests {
		got := filename.WithHash(test.name, sum, test.digits)
		if got != test.want {
			t.Errorf("WithHash(%q, %d) = %q, want %q", test.name, test.digits, got, test.want)
		}
		checkSafe(t, got)
	}
}

func TestWithHashTellsContentsApart(t *testing.T) {
	long := strings.Repeat("f", 251) + ".pdf"
	one := filename.WithHash(long, sha256.Sum256([]byte("one")), 8)
	two := filename.WithHash(long, sha256.Sum256([]byte("two")), 8)
	if one == two {
		t.Errorf("WithHash gives %q for two contents", one)
	}
}

// checkSafe fails the test where a name breaks a promise of Safe.
func checkSafe(t *testing.T, name string) {
	t.Helper()
	if reason := whyUnsafe(name); reason != "" {
		t.Errorf("%+q: %s", name, reason)
	}
	if !survives(name, json.Marshal, json.Unmarshal) || !survives(name, xml.Marshal, xml.Unmarshal) {
		t.Errorf("%+q does not survive JSON, or XML, the form of S3's listings", name)
	}
	if again := filename.Safe(name, "image/png"); again != name {
		t.Errorf("Safe(%+q) = %+q: a safe name must come back as it is", name, again)
	}
	for _, digits := range []int{8, 64} {
		hashed := filename.WithHash(name, sha256.Sum256([]byte(name)), digits)
		if reason := whyUnsafe(hashed); reason != "" {
			t.Errorf("WithHash(%+q, %d) = %+q: %s", name, digits, hashed, reason)
		}
		if again := filename.Safe(hashed, ""); again != hashed {
			t.Errorf("Safe(%+q) = %+q: WithHash must keep a name safe", hashed, again)
		}
	}
}

// device is written apart from the code under test.
var device = regexp.MustCompile(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)

// whyUnsafe says which promise of Safe a name breaks, or nothing.
func whyUnsafe(name string) string {
	key := "conversations/abc/" + name
	folders, _ := path.Split(name)
	switch {
	case path.Clean(key) != key || strings.Contains(name, `\`):
		return "is not one path"
	case len(folders) > filename.MaxFolders, strings.Count(name, "/") > filename.MaxDepth:
		return fmt.Sprintf("has folders of %d bytes, %d deep", len(folders), strings.Count(name, "/"))
	}
	for element := range strings.SplitSeq(name, "/") {
		if reason := whyUnsafeElement(element); reason != "" {
			return fmt.Sprintf("%+q %s", element, reason)
		}
	}
	return ""
}

func whyUnsafeElement(name string) string {
	switch {
	case strings.Trim(name, ".") == "":
		return "is no name"
	case len(name) > filename.MaxLength:
		return fmt.Sprintf("has %d bytes", len(name))
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case !norm.NFC.IsNormalString(name):
		return "is not in NFC"
	case strings.ContainsAny(name, `<>:"|?*`):
		return "has a character that Windows refuses"
	case strings.ContainsFunc(name, isHidden):
		return "has a character that is not seen"
	case strings.ContainsFunc(name, func(r rune) bool { return r != ' ' && unicode.IsSpace(r) }):
		return "has a space that cannot be typed"
	case strings.ContainsAny(name[:1], "- "), strings.HasSuffix(name, "."), strings.TrimSpace(name) != name:
		return "begins or ends badly"
	case device.MatchString(name):
		return "is a Windows device"
	}
	return ""
}

// isHidden reports whether r may stand in no name. Joiners and selectors depend on what is before them.
func isHidden(r rune) bool {
	switch {
	case r < 0x20, 0x7F <= r && r <= 0x9F: // control characters
	case r == 0xAD, r == 0x34F, r == 0x61C, r == 0xFEFF:
	case r == 0x115F, r == 0x1160, r == 0x3164, r == 0xFFA0: // fillers
	case r == 0x200B, r == 0x200E, r == 0x200F:
	case 0x2028 <= r && r <= 0x202E, 0x2060 <= r && r <= 0x206F:
	case 0xE0000 <= r && r <= 0xE00FF: // tags
	case r&0xFFFE == 0xFFFE, 0xFDD0 <= r && r <= 0xFDEF: // noncharacters
	default:
		return false
	}
	return true
}

// isShown reports whether r is a letter, a digit or a mark that every name may have.
func isShown(r rune) bool {
	return unicode.In(r, unicode.L, unicode.N, unicode.M) &&
		!unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

func survives(name string, encode func(any) ([]byte, error), decode func([]byte, any) error) bool {
	data, err := encode(name)
	if err != nil {
		return false
	}
	var back string
	return decode(data, &back) == nil && back == name
}

type recordedCase struct{ in, want string }

// recorded reads the cases of a file whose form testdata/README.md describes.
func recorded(t testing.TB, file string) []recordedCase {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []recordedCase
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' {
			continue
		}
		in, err := strconv.QuotedPrefix(line)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, line, err)
		}
		cases = append(cases, recordedCase{unquote(t, in), unquote(t, strings.TrimPrefix(line[len(in):], " -> "))})
	}
	return cases
}

func unquote(t testing.TB, literal string) string {
	t.Helper()
	s, err := strconv.Unquote(literal)
	if err != nil {
		t.Fatalf("%s: %v", literal, err)
	}
	return s
}

func TestAnOverlongNameKeepsItsEnds(t *testing.T) {
	for _, middle := range []string{"x", "\u0344", "\xff", "日"} {
		name := "begin" + strings.Repeat(middle, 8000) + ".pdf"
		got := filename.Safe(name, "")
		if !strings.HasPrefix(got, "begin") || !strings.HasSuffix(got, ".pdf") || len(got) > filename.MaxLength || filename.Safe(got, "") != got {
			t.Errorf("Safe of an overlong name of %q = %q", middle, got)
		}
	}
}
