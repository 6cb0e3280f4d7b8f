package page_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/page"
)

const store = "https://files.s3.eu-west-1.amazonaws.com"

// locked opens nothing: the page must not need a key.
type locked struct{ testing.TB }

func (l locked) Check(context.Context, string, string) error {
	l.Error("the page asked for a session key")
	return nil
}

func request(t *testing.T, method, path string, header http.Header) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	origin := func(context.Context) (string, error) { return store, nil }
	httpapi.New(httpapi.Options{Keys: locked{t}}, page.Routes(origin)...).ServeHTTP(recorder, r)
	return recorder
}

func get(t *testing.T, path string) *httptest.ResponseRecorder {
	t.Helper()
	return request(t, http.MethodGet, path, nil)
}

var reference = regexp.MustCompile(`(?:src|href)="([^"]*)"`)

// references are the files that the page names, from its root.
func references(t *testing.T) []string {
	t.Helper()
	var paths []string
	for _, match := range reference.FindAllStringSubmatch(get(t, "/").Body.String(), -1) {
		paths = append(paths, match[1])
	}
	if len(paths) == 0 {
		t.Fatal("the page names no file")
	}
	return paths
}

func TestPageLoadsOnlyFilesThatAreServed(t *testing.T) {
	root := get(t, "/")
	if got := root.Header().Get("Content-Type"); root.Code != http.StatusOK || got != "text/html; charset=utf-8" {
		t.Fatalf("/ is answered %d as %q", root.Code, got)
	}
	want := map[string]string{
		".css": "text/css; charset=utf-8",
		".js":  "text/javascript; charset=utf-8",
		".svg": "image/svg+xml",
		".txt": "text/plain; charset=utf-8",
	}
	for _, path := range references(t) {
		if !strings.HasPrefix(path, "page/") {
			t.Errorf("the page names %q, which is not relative to it", path)
		}
		file := get(t, "/"+path)
		if got := file.Header().Get("Content-Type"); file.Code != http.StatusOK || got != want[filepath.Ext(path)] || file.Body.Len() == 0 {
			t.Errorf("%s is answered %d as %q, %d bytes", path, file.Code, got, file.Body.Len())
		}
	}
}

// A REST API passes text on as it is, and bytes only where it is told to.
func TestEveryFileIsText(t *testing.T) {
	for _, path := range files(t) {
		answer := get(t, path)
		if answer.Code != http.StatusOK || !utf8.Valid(answer.Body.Bytes()) {
			t.Errorf("%s is answered %d, UTF-8: %t", path, answer.Code, utf8.Valid(answer.Body.Bytes()))
		}
		if got := answer.Header().Get("Content-Encoding"); got != "" {
			t.Errorf("%s is encoded as %q", path, got)
		}
	}
}

// files are the paths of all that is served.
func files(t *testing.T) []string {
	t.Helper()
	entries, err := filepath.Glob("dist/*.gz")
	if err != nil || len(entries) == 0 {
		t.Fatalf("dist holds %v, %v", entries, err)
	}
	paths := []string{"/"}
	for _, entry := range entries {
		paths = append(paths, "/page/"+strings.TrimSuffix(filepath.Base(entry), ".gz"))
	}
	return paths
}

func TestBrowserMayUseThisSiteAndTheStoreAlone(t *testing.T) {
	want := "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; img-src 'self'; " +
		"connect-src 'self' " + store + "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types upload-files"
	for _, path := range files(t) {
		header := get(t, path).Header()
		if got := header.Get("Content-Security-Policy"); got != want {
			t.Errorf("%s: Content-Security-Policy = %q, want %q", path, got, want)
		}
		for name, want := range map[string]string{
			"X-Content-Type-Options":       "nosniff",
			"Referrer-Policy":              "no-referrer",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
		} {
			if got := header.Get(name); got != want {
				t.Errorf("%s: %s = %q, want %q", path, name, got, want)
			}
		}
	}
}

func TestFilesAreKeptAndThePageIsAskedForAnew(t *testing.T) {
	for _, path := range files(t) {
		want := "public, max-age=31536000, immutable"
		if path == "/" || path == "/page/index.html" {
			want = "no-cache"
		}
		answer := get(t, path)
		if got := answer.Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control = %q, want %q", path, got, want)
		}
	}
}

// What is kept for ever must be known by its name alone.
func TestNameHoldsTheHashOfItsFile(t *testing.T) {
	hashed := regexp.MustCompile(`^/page/[a-z]+-([0-9a-f]{12})\.[a-z]+$`)
	for _, path := range files(t) {
		if path == "/" || path == "/page/index.html" {
			continue
		}
		match := hashed.FindStringSubmatch(path)
		sum := sha256.Sum256(get(t, path).Body.Bytes())
		if match == nil || match[1] != hex.EncodeToString(sum[:6]) {
			t.Errorf("%s has the hash %x", path, sum[:6])
		}
	}
}

func TestBrowserThatHasAFileGetsNoBody(t *testing.T) {
	tag := get(t, "/").Header().Get("ETag")
	if len(tag) < 3 || tag[0] != '"' {
		t.Fatalf("ETag = %s", tag)
	}
	for _, test := range []struct {
		known string
		want  int
	}{
		{tag, http.StatusNotModified},
		{"W/" + tag, http.StatusNotModified},
		{`"other", ` + tag, http.StatusNotModified},
		{"*", http.StatusNotModified},
		{`"other"`, http.StatusOK},
		{strings.Trim(tag, `"`), http.StatusOK},
		{"", http.StatusOK},
	} {
		answer := request(t, http.MethodGet, "/", http.Header{"If-None-Match": {test.known}})
		if answer.Code != test.want || (answer.Body.Len() == 0) != (test.want == http.StatusNotModified) {
			t.Errorf("If-None-Match: %s is answered %d with %d bytes, want %d", test.known, answer.Code, answer.Body.Len(), test.want)
		}
	}
}

func TestHeadHasNoBody(t *testing.T) {
	answer := request(t, http.MethodHead, "/", nil)
	if answer.Code != http.StatusOK || answer.Body.Len() != 0 || answer.Header().Get("ETag") == "" {
		t.Errorf("HEAD / is answered %d with %d bytes", answer.Code, answer.Body.Len())
	}
}

// While two versions are deployed, either may be asked for the files of both.
func TestFileOfAnotherVersionIsThePresentOneAndNotKept(t *testing.T) {
	for _, path := range references(t) {
		extension := filepath.Ext(path)
		stem := strings.TrimSuffix(path, extension)
		other := "/" + stem[:len(stem)-12] + "0123456789ab" + extension
		present, got := get(t, "/"+path), get(t, other)
		if got.Code != http.StatusOK || got.Body.String() != present.Body.String() {
			t.Errorf("%s is answered %d, %d bytes, want those of %s", other, got.Code, got.Body.Len(), path)
		}
		if cache := got.Header().Get("Cache-Control"); cache != "no-store" {
			t.Errorf("%s is kept: %q", other, cache)
		}
		if again := get(t, "/"+path).Header().Get("Cache-Control"); !strings.Contains(again, "immutable") {
			t.Errorf("%s is not kept any more: %q", path, again)
		}
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for path, want := range map[string]int{
		"/page":                         http.StatusNotFound,
		"/page/":                        http.StatusNotFound,
		"/page/page.go":                 http.StatusNotFound,
		"/page/index.html.gz":           http.StatusNotFound,
		"/page/inputs.sha256":           http.StatusNotFound,
		"/page/..%2fpage.go":            http.StatusNotFound,
		"/page/src/main.jsx":            http.StatusNotFound,
		"/index.html":                   http.StatusNotFound,
		"/?session_key=x":               http.StatusOK,
		"/page/other-000000000000.js":   http.StatusNotFound,
		"/page/main-000000000000.css":   http.StatusNotFound,
		"/page/index-000000000000.html": http.StatusNotFound,
		"/page/%00":                     http.StatusNotFound,
		"/page/dist%2Findex.html.gz":    http.StatusNotFound,
		"/page/index.html?x=../page.go": http.StatusOK,
	} {
		if got := get(t, path).Code; got != want {
			t.Errorf("GET %s is answered %d, want %d", path, got, want)
		}
	}
	if got := request(t, http.MethodPost, "/", nil).Code; got != http.StatusMethodNotAllowed {
		t.Errorf("POST / is answered %d, want 405", got)
	}
}

func TestBundleIsOfTheseSources(t *testing.T) {
	sources := []string{"build.js", "package.json", "package-lock.json"}
	entries, err := os.ReadDir("src")
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		sources = append(sources, "src/"+entry.Name())
	}
	slices.Sort(sources)
	var want strings.Builder
	for _, source := range sources {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(content)
		want.WriteString(hex.EncodeToString(sum[:]) + "  " + source + "\n")
	}
	got, err := os.ReadFile("dist/inputs.sha256")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Errorf("the page was bundled from other sources: run make page\ngot:\n%s\nwant:\n%s", got, want.String())
	}
}

func TestEveryPackageIsLockedAndComesWithItsLicence(t *testing.T) {
	lock, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(lock), `"resolved"`) {
		t.Error("package-lock.json names where packages were fetched: use --omit-lockfile-registry-resolved")
	}
	if !strings.Contains(string(lock), `"integrity": "sha512-`) {
		t.Error("package-lock.json has no hashes")
	}
	at := slices.IndexFunc(references(t), func(path string) bool { return strings.Contains(path, "licenses-") })
	if at < 0 {
		t.Fatal("the page names no licences")
	}
	texts := get(t, "/"+references(t)[at]).Body.String()
	for _, name := range []string{"@uppy/core", "preact", "@noble/hashes", "lodash", "nanoid", "mime-match"} {
		if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(name) + ` [0-9.]+ \([A-Z]+\)$`).MatchString(texts) {
			t.Errorf("the licence of %s is not there", name)
		}
	}
}

func TestFilesAreSmall(t *testing.T) {
	for _, path := range files(t) {
		if size := get(t, path).Body.Len(); size > 200<<10 {
			t.Errorf("%s has %d bytes", path, size)
		}
	}
}

func TestPageWithoutItsPolicyIsNotServed(t *testing.T) {
	unknown := func(context.Context) (string, error) { return "", errors.New("no such region") }
	recorder := httptest.NewRecorder()
	httpapi.New(httpapi.Options{Keys: locked{t}}, page.Routes(unknown)...).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if recorder.Code != http.StatusInternalServerError || strings.Contains(recorder.Body.String(), "<html") {
		t.Errorf("GET / is answered %d: %s", recorder.Code, recorder.Body)
	}
}
