package form_test

import (
	"encoding/json"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/form"
)

// A recording is a form as a real client wrote it, by what is in
// testdata/clients/record.
type recording struct {
	Client      string
	Version     string
	ContentType string `json:"content_type"`
	Body        []byte `json:"body_base64"`
}

func recordings(tb testing.TB) []recording {
	tb.Helper()
	paths, err := filepath.Glob("testdata/clients/*.json")
	if err != nil {
		tb.Fatal(err)
	}
	var all []recording
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			tb.Fatal(err)
		}
		var r recording
		if err := json.Unmarshal(data, &r); err != nil {
			tb.Fatalf("%s: %v", path, err)
		}
		all = append(all, r)
	}
	return all
}

// What every client sent, in this order, with the content that stands for it.
var sentFiles = []struct{ name, content string }{
	{`back\slash.txt`, "backslash"},
	{"binary.bin", allBytes() + "\r\n--\r\n------\r\n\r\n--"},
	{"empty.txt", ""},
	{"plain.txt", "hello\n"},
	{`say "hi".txt`, "quote"},
	{"two words.txt", "space"},
	{"Übergröße.txt", "umlaut"},
	{"日本語.txt", "Japanese"},
}

func allBytes() string {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return string(b)
}

// How each client writes a name; one that it does not send is empty. What is
// percent-encoded stays so, as in the reference: it cannot be told from a name that
// has %22 in it.
var writtenNames = map[string]func(string) string{
	"aiohttp":     url.PathEscape,
	"axios":       percentQuotes,
	"chromium":    percentQuotes,
	"crystal":     unchanged, // escapes spaces too
	"curl":        percentQuotes,
	"dotnet":      withoutQuotes, // filename* beside an encoded word, unquoted
	"fetch":       percentQuotes,
	"go":          unchanged, // escapes quotes and backslashes with backslashes
	"guzzle":      unchanged, // escapes nothing
	"httpclient5": unchanged, // Latin-1, and filename* where that has not the letters
	"httpx":       percentQuotes,
	"java":        unchanged, // escapes nothing
	"jersey":      unchanged,
	"libsoup":     unchanged, // filename* alone
	"okhttp":      percentQuotes,
	"perl":        unchanged,
	"pike":        unchanged,
	"requests":    percentQuotes,
	"ruby":        unchanged,
}

func percentQuotes(name string) string { return strings.ReplaceAll(name, `"`, "%22") }

func withoutQuotes(name string) string {
	if strings.Contains(name, `"`) {
		return ""
	}
	return name
}

func unchanged(name string) string { return name }

func TestFormsOfRealClientsAreRead(t *testing.T) {
	all := recordings(t)
	if len(all) != len(writtenNames) {
		t.Errorf("%d recordings, want %d", len(all), len(writtenNames))
	}
	for _, r := range all {
		t.Run(r.Client, func(t *testing.T) {
			written, ok := writtenNames[r.Client]
			if !ok {
				t.Fatalf("how %s writes names is not listed", r.Client)
			}
			var want []readingPart
			for _, f := range sentFiles {
				name := written(f.name)
				if name == "" {
					continue
				}
				want = append(want, readingPart{
					Name:     "files",
					Filename: &name,
					Size:     len(f.content),
					SHA256:   hexSHA256([]byte(f.content)),
				})
			}
			got, err := read(r.ContentType, r.Body)
			if err != nil {
				t.Fatalf("%s %s: %v", r.Client, r.Version, err)
			}
			for i := range got.Parts {
				got.Parts[i].ContentType = "" // most guess it from the name
			}
			if diff := cmp.Diff(want, got.Parts); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", r.Client, r.Version, diff)
			}
		})
	}
}

func TestFormsCutAnywhereAreRefused(t *testing.T) {
	for _, r := range recordings(t) {
		begin := strings.IndexByte(string(r.Body), '-') // before it is a form without parts
		end := strings.LastIndex(string(r.Body), "--") + len("--")
		for cut := begin + 1; cut < end; cut++ {
			_, err := parse(r.ContentType, r.Body[:cut])
			if !errors.Is(err, form.ErrMalformed) {
				t.Fatalf("%s cut at %d of %d: err = %v, want ErrMalformed", r.Client, cut, end, err)
			}
		}
		if _, err := parse(r.ContentType, r.Body[:end]); err != nil {
			t.Errorf("%s cut behind its closing delimiter: %v", r.Client, err)
		}
	}
}
