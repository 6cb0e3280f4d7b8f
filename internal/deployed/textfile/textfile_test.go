package textfile_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"

	"uploadfiles/internal/deployed/textfile"
)

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", path))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// The samples were encoded by Python's codecs: tables as Excel saves them, a report,
// and a note of Notepad. Each is named by its text, beside which it lies in UTF-8,
// and its encoding.
func TestDecodeReadsWhatProgramsSave(t *testing.T) {
	samples, _ := filepath.Glob("testdata/*.*.*")
	if len(samples) < 14 {
		t.Fatalf("%d samples, want 14 or more", len(samples))
	}
	for _, path := range samples {
		name := filepath.Base(path)
		parts := strings.SplitN(name, ".", 2)
		encoding := strings.TrimSuffix(parts[1], filepath.Ext(name))
		got, err := textfile.Decode(read(t, name))
		want := textfile.Text{String: string(read(t, parts[0]+".utf-8")), Encoding: encoding}
		if err != nil || got != want {
			t.Errorf("Decode(%s) = %q in %q, %v, want %q in %q", name, got.String, got.Encoding, err, want.String, want.Encoding)
		}
	}
}

func TestDecodeLeavesUTF8AsItIs(t *testing.T) {
	for _, text := range []string{"", "a", "ü", "line\r\n\x01\x1b[1m", "\ufeffwith a mark", strings.Repeat("日本", 10_000)} {
		got, err := textfile.Decode([]byte(text))
		if err != nil || got.String != text || got.Encoding != textfile.UTF8 {
			t.Errorf("Decode(%.20q) = %.20q in %q, %v, want the same in UTF-8", text, got.String, got.Encoding, err)
		}
	}
}

// English tells nothing of the charset of what is below it.
func TestDecodeLooksAtTheLinesThatTell(t *testing.T) {
	english := strings.Repeat("The report is on the table for all of us to read.\n", 2000)
	got, err := textfile.Decode(append([]byte(english), read(t, "russian.koi8-r.txt")...))
	if want := english + string(read(t, "russian.utf-8")); err != nil || got.String != want || got.Encoding != "koi8-r" {
		t.Errorf("Decode = %q in %q, %v, want Russian in koi8-r at the end", got.String[max(0, len(got.String)-100):], got.Encoding, err)
	}
}

func encode(t *testing.T, c *charmap.Charmap, text string) []byte {
	t.Helper()
	data, err := c.NewEncoder().Bytes([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// In each of these the detector is not sure enough or takes a charset for its rival.
const (
	czech = "sobota\nneděle\npo\nút\nst\nčt\npá\nso\nne\nleden\núnor\nbřezen\nduben\nkvěten\nčerven\nčervenec\nsrpen\nzáří\n" +
		"říjen\nlistopad\nprosinec\nled\núno\nbře\ndub\nkvě\nčen\nčec\nsrp\nzář\n"
	lithuanian = "P\nŠ\nS\nsausis\nvasaris\nkovas\nbalandis\ngegužė\nbirželis\nliepa\nrugpjūtis\nrugsėjis\nspalis\nlapkritis\ngruodis\nsau\nvas\n" +
		"kov\nbal\ngeg\nbir\nlie\nrugp\nrugs\nspa\nlap\ngrd\nsaus.\nvas.\nkov.\nbal.\ngeg.\nbirž.\nliep.\nrugpj.\nrugs.\nspal.\nlapkr.\n" +
		"gruod.\nsausio\nvasario\nkovo\nbalandžio\ngegužės\nbirželio\nliepos\nrugpjūčio\nrugsėjo\nspali\n"
	ukrainian = "Значення не є дозволеним. Порушено обмеження на додавання товару до замовлення.\n" +
		"Недостатньо прав для перегляду документа. Для продовження роботи оберть потрапити на головну.\n"
)

// Wrong letters mislead more than none.
func TestDecodeDoesNotGuess(t *testing.T) {
	tests := map[string][]byte{
		"a short word":              []byte("M\xfcller"),
		"two short lines":           []byte("name;town\r\nM\xfcller;K\xf6ln\r\n"),
		"one byte in much English":  append(bytes.Repeat([]byte("The report is on the table for all of us.\n"), 1000), "caf\xe9\n"...),
		"Russian below English":     append(bytes.Repeat([]byte("The report is on the table.\n"), 1000), "\xd1 \xcd\xc3!\n"...),
		"a byte that is none":       append(bytes.Repeat([]byte("Stra\xdfe f\xfcr M\xfcller\n"), 50), "\x81\n"...),
		"UTF-8 that is cut off":     read(t, "chinese.utf-8")[:301],
		"Lithuanian months":         encode(t, charmap.Windows1257, lithuanian),
		"Czech days and months":     encode(t, charmap.Windows1250, czech),
		"Ukrainian with few і":      encode(t, charmap.KOI8U, ukrainian),
		"two encodings in one file": append(read(t, "russian.koi8-r.txt"), read(t, "german.windows-1252.csv")...),
	}
	paths, _ := filepath.Glob("testdata/unknown/*")
	if len(paths) < 6 {
		t.Fatalf("%d samples, want 6 or more", len(paths))
	}
	for _, path := range paths {
		tests[filepath.Base(path)] = read(t, filepath.Join("unknown", filepath.Base(path)))
	}
	for name, data := range tests {
		if got, err := textfile.Decode(data); !errors.Is(err, textfile.ErrUnknown) {
			t.Errorf("%s: Decode = %.80q in %q, %v, want %v", name, got.String, got.Encoding, err, textfile.ErrUnknown)
		}
	}
}

func TestDecodeTakesNoBinaryForText(t *testing.T) {
	random := make([]byte, 4096)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(random)
	tests := map[string][]byte{
		"PNG":                       []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x02"),
		"zip":                       []byte("PK\x03\x04\x14\x00\x08\x08\x08\x00\x21\x5c\xe3\x5aa.txt"),
		"JPEG":                      []byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"),
		"random":                    random,
		"text with NUL":             []byte("a\x00b"),
		"Latin text with NUL":       append(read(t, "german.windows-1252.csv"), 0),
		"Latin text with controls":  append(read(t, "german.windows-1252.csv"), 1),
		"UTF-16 without a mark":     read(t, "note.utf-16le.txt")[2:],
		"a mark and no UTF-16":      []byte("\xff\xfea\x00\x00\xd8b\x00"),
		"UTF-16 cut off":            []byte("\xff\xfea\x00b"),
		"UTF-16 with NUL":           []byte("\xfe\xff\x00a\x00\x00"),
		"a mark and no UTF-32":      []byte("\xff\xfe\x00\x00\xff\xff\xff\xff"),
		"a frame of MPEG, as audio": []byte("\xff\xfe\xf3\x00\x00\x00\xd8\x00"),
	}
	for name, data := range tests {
		if got, err := textfile.Decode(data); !errors.Is(err, textfile.ErrBinary) {
			t.Errorf("%s: Decode = %.40q in %q, %v, want %v", name, got.String, got.Encoding, err, textfile.ErrBinary)
		}
	}
}

// Random bytes without controls are the worst that can come.
func TestDecodeSeesNoTextInNoise(t *testing.T) {
	source := rand.New(rand.NewChaCha8([32]byte{2}))
	for range 2000 {
		data := make([]byte, 20+source.IntN(2000))
		for i := range data {
			data[i] = byte(' ' + source.IntN(0x7F-' '))
			if source.IntN(2) == 0 {
				data[i] = byte(0x80 + source.IntN(0x80))
			}
		}
		if got, err := textfile.Decode(data); err == nil {
			t.Fatalf("Decode(%.60q) = %.60q in %q, want an error", data, got.String, got.Encoding)
		}
	}
}

// A large file that the detector is not sure of is not decoded in one charset after
// the other.
func TestDecodeTriesNothingOnWhatNobodyCanTell(t *testing.T) {
	data := bytes.Repeat([]byte("a"), 4<<20)
	data[len(data)-1] = 0xFF
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := textfile.Decode(data)
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; !errors.Is(err, textfile.ErrUnknown) || took > 2<<20 {
		t.Errorf("Decode of 4 MiB = %v with %d bytes of memory, want %v with 2 MiB at most", err, took, textfile.ErrUnknown)
	}
}

// What a text is must not change from one request to the next.
func TestDecodeAnswersTheSameEachTime(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*/*")
	more, _ := filepath.Glob("testdata/*.*.*")
	for _, path := range append(paths, more...) {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		first, firstErr := textfile.Decode(data)
		for range 50 {
			if again, err := textfile.Decode(data); again != first || !errors.Is(err, firstErr) {
				t.Fatalf("Decode(%s) is once in %q, %v and once in %q, %v", path, first.Encoding, firstErr, again.Encoding, err)
			}
		}
	}
}

// A text that is not in ASCII has at most three bytes for each of the file.
func FuzzDecode(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.*")
	more, _ := filepath.Glob("testdata/unknown/*")
	for _, path := range append(paths, more...) {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := textfile.Decode(data)
		switch {
		case errors.Is(err, textfile.ErrBinary), errors.Is(err, textfile.ErrUnknown):
			if got != (textfile.Text{}) {
				t.Errorf("Decode(%q) = %q with %v", data, got.String, err)
			}
		case err != nil:
			t.Errorf("Decode(%q): %v", data, err)
		case !utf8.ValidString(got.String) || len(got.String) > 3*len(data) || strings.ContainsRune(got.String, 0):
			t.Errorf("Decode(%q) = %q in %q", data, got.String, got.Encoding)
		case got.Encoding == textfile.UTF8 && got.String != string(data):
			t.Errorf("Decode(%q) = %q, want the same", data, got.String)
		}
	})
}
