package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// A listed file is one of a conversation.
type listed struct {
	Name        string    `json:"name"`
	Key         string    `json:"key"`
	Size        int64     `json:"size"`
	ContentType string    `json:"content_type"`
	SHA256      string    `json:"sha256"`
	Modified    time.Time `json:"modified"`
	URL         string    `json:"url"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// list returns the files of a conversation, read in pages, and how many these were.
func list(t *testing.T, conversation string, limit int) (files []listed, pages int) {
	t.Helper()
	for cursor := ""; ; {
		var page struct {
			Files []listed
			Next  *string
		}
		query := url.Values{"limit": {fmt.Sprint(limit)}}
		if cursor != "" {
			query.Set("cursor", cursor)
		}
		callFor(t, http.StatusOK, &page, "GET", conversation, "files?"+query.Encode(), nil)
		pages++
		if page.Files == nil || len(page.Files) > limit {
			t.Fatalf("page %d has %d files", pages, len(page.Files))
		}
		files = append(files, page.Files...)
		if page.Next == nil {
			return files, pages
		}
		cursor = *page.Next
	}
}

// names are those of files.
func names(files []listed) []string {
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	return names
}

func hexSum(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

// some are files for a conversation, of every kind that matters for names and
// contents.
func some() []file {
	return []file{
		{"bytes.bin", everyByte()},
		{"empty.txt", nil},
		{"notes.md", []byte("# Überschrift\n\n日本語 🎉\n")},
		{"it's $(touch hacked) `touch hacked` \\\"; touch hacked; #.txt", []byte("a name that a shell could run")},
		{"-n.txt", []byte("a name that a program could take for an option")},
		{"Grüße – 日本語 🎉.txt", []byte("unicode name")},
	}
}

// fill uploads files and returns their contents by the names that they got.
func fill(t *testing.T, conversation string, files ...file) map[string][]byte {
	t.Helper()
	got := upload(t, conversation, files...)
	contents := map[string][]byte{}
	for i, f := range files {
		contents[got.Files[i].Name] = f.content
	}
	return contents
}

func TestListHasEveryFileOnceWithItsURL(t *testing.T) {
	id := conversation(t)
	if files, pages := list(t, id, 100); len(files) != 0 || pages != 1 {
		t.Errorf("a new conversation has %d files in %d pages", len(files), pages)
	}
	want := fill(t, id, some()...)
	direct := random(t, 1000)
	u := begin(t, id, "film.mp4", direct)
	u.completed(t, u.send(t, 1, direct))
	want["film.mp4"] = direct

	for limit, wantPages := range map[int]int{100: 1, 7: 1, 3: 3} {
		files, pages := list(t, id, limit)
		if !slices.Equal(names(files), stored(t, id)) {
			t.Errorf("in pages of %d: %q, stored %q", limit, names(files), stored(t, id))
		}
		if pages != wantPages {
			t.Errorf("%d files in pages of %d are %d pages, want %d", len(files), limit, pages, wantPages)
		}
	}
	files, _ := list(t, id, 100)
	for _, f := range files {
		content := want[f.Name]
		if f.Key != stack.Prefix+id+"/"+f.Name || f.Size != int64(len(content)) || f.SHA256 != hexSum(content) || f.ContentType == "" {
			t.Errorf("%+v, want %d bytes with the hash %s", f, len(content), hexSum(content))
		}
		if age := time.Since(f.Modified); age < -time.Minute || age > time.Hour {
			t.Errorf("%s is from %s", f.Name, f.Modified)
		}
		if left := time.Until(f.ExpiresAt); left <= 0 || left > stack.URLExpiry {
			t.Errorf("the URL of %s expires in %s, want up to %s", f.Name, left, stack.URLExpiry)
		}
		status, header, fetched := fetch(t, f.URL)
		if status != http.StatusOK || !bytes.Equal(fetched, content) {
			t.Errorf("%s: its URL gives status %d and %d bytes", f.Name, status, len(fetched))
		}
		checkDownload(t, f.Name, header)
	}
	callFor(t, http.StatusBadRequest, nil, "GET", id, "files?cursor=nonsense", nil)
}

func TestFileIsFetchedByItsNameWhenItsURLIsDead(t *testing.T) {
	id := conversation(t)
	for name, content := range fill(t, id, some()...) {
		path := "files/" + url.PathEscape(name)
		got := call(t, "GET", id, path, nil)
		if got.status != http.StatusTemporaryRedirect {
			t.Errorf("%q: status %d, want 307; body %.300s", name, got.status, got.body)
			continue
		}
		if _, header, fetched := fetch(t, got.header.Get("Location")); !bytes.Equal(fetched, content) {
			t.Errorf("%q leads to %d other bytes", name, len(fetched))
		} else {
			checkDownload(t, name, header)
		}
		head := call(t, "HEAD", id, path, nil)
		if head.status >= 400 || len(head.body) != 0 {
			t.Errorf("HEAD of %q: status %d, body %.300s", name, head.status, head.body)
		}
	}
	callFor(t, http.StatusNotFound, nil, "GET", id, "files/missing.txt", nil)
	callFor(t, http.StatusNotFound, nil, "GET", conversation(t), "files/notes.md", nil)
}

func TestDeletedFileIsGoneAndTheOthersStay(t *testing.T) {
	id, other := conversation(t), conversation(t)
	contents := fill(t, id, some()...)
	fill(t, other, some()...)
	for range 2 { // the answer may have been lost
		for name := range contents {
			if name == "notes.md" {
				continue
			}
			callFor(t, http.StatusNoContent, nil, "DELETE", id, "files/"+url.PathEscape(name), nil)
			callFor(t, http.StatusNotFound, nil, "GET", id, "files/"+url.PathEscape(name), nil)
		}
	}
	if files, _ := list(t, id, 100); !slices.Equal(names(files), []string{"notes.md"}) || !slices.Equal(stored(t, id), []string{"notes.md"}) {
		t.Errorf("left: %q, stored %q", names(files), stored(t, id))
	}
	if got := stored(t, other); len(got) != len(some()) {
		t.Errorf("of another conversation: stored %q", got)
	}
	upload(t, id, some()...) // the names are free again
	if got := stored(t, id); len(got) != len(some()) {
		t.Errorf("stored %q", got)
	}
}

func TestZipHasEveryFile(t *testing.T) {
	id := conversation(t)
	checkZip(t, id, map[string][]byte{})
	contents := fill(t, id, some()...)
	checkZip(t, id, contents)
	if stack.Deployed {
		t.Logf("%s streams no answer: a zip of more than 6 MB is not tested", stack.Name)
		return
	}
	for i := range 3 {
		big := random(t, 4<<20)
		for name, content := range fill(t, id, file{fmt.Sprintf("big %d.bin", i), big}) {
			contents[name] = content
		}
	}
	checkZip(t, id, contents)
}

func checkZip(t *testing.T, conversation string, want map[string][]byte) {
	t.Helper()
	got := call(t, "GET", conversation, "zip", nil)
	if got.status != http.StatusOK || got.header.Get("Content-Type") != "application/zip" {
		t.Fatalf("status %d, type %q, body %.300s", got.status, got.header.Get("Content-Type"), got.body)
	}
	archive, err := zip.NewReader(bytes.NewReader(got.body), int64(len(got.body)))
	if err != nil {
		t.Fatalf("%d bytes: %v", len(got.body), err)
	}
	if len(archive.File) != len(want) {
		t.Errorf("%d files are in the zip, want %d", len(archive.File), len(want))
	}
	for _, f := range archive.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r) // it checks the CRC
		r.Close()
		if err != nil || !bytes.Equal(content, want[f.Name]) {
			t.Errorf("%q has %d bytes, want %d; %v", f.Name, len(content), len(want[f.Name]), err)
		}
	}
}

func TestManifestNamesEveryFileWithItsHash(t *testing.T) {
	id := conversation(t)
	contents := fill(t, id, some()...)
	var manifest struct{ Files []listed }
	callFor(t, http.StatusOK, &manifest, "GET", id, "manifest", nil)
	if !slices.Equal(names(manifest.Files), stored(t, id)) {
		t.Errorf("manifest of %q, stored %q", names(manifest.Files), stored(t, id))
	}
	for _, f := range manifest.Files {
		if f.Size != int64(len(contents[f.Name])) || f.SHA256 != hexSum(contents[f.Name]) || f.ContentType == "" || f.ExpiresAt.IsZero() {
			t.Errorf("%+v, want %d bytes with the hash %s", f, len(contents[f.Name]), hexSum(contents[f.Name]))
		}
		if _, _, content := fetch(t, f.URL); !bytes.Equal(content, contents[f.Name]) {
			t.Errorf("the URL of %q gives %d other bytes", f.Name, len(content))
		}
	}
}

// An agent runs the script in a folder of its own, and again when it wants what
// came since.
func TestScriptFetchesWhatIsMissingAndOverwritesNothing(t *testing.T) {
	for _, program := range []string{"sh", "curl", "sha256sum"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skipf("%s is not here", program)
		}
	}
	id := conversation(t)
	contents := fill(t, id, some()...)
	dir := t.TempDir()
	run := func(want bool) {
		t.Helper()
		script := call(t, "GET", id, "fetch.sh", nil) // its URLs are fresh
		if script.status != http.StatusOK {
			t.Fatalf("fetch.sh: status %d, body %.300s", script.status, script.body)
		}
		cmd := exec.CommandContext(t.Context(), "sh", "-s")
		cmd.Dir, cmd.Stdin = dir, bytes.NewReader(script.body)
		out, err := cmd.CombinedOutput()
		if (err == nil) != want {
			t.Fatalf("fetch.sh: %v\n%s", err, out)
		}
	}
	run(true)
	checkFolder(t, dir, contents)
	for name, content := range fill(t, id, file{"later.txt", []byte("came later")}) {
		contents[name] = content
	}
	if err := os.Remove(filepath.Join(dir, "empty.txt")); err != nil {
		t.Fatal(err)
	}
	run(true)
	checkFolder(t, dir, contents)

	// What somebody has written there himself is not overwritten either.
	mine := []byte("mine")
	if err := os.WriteFile(filepath.Join(dir, "notes.md"), mine, 0o600); err != nil {
		t.Fatal(err)
	}
	run(false)
	contents["notes.md"] = mine
	checkFolder(t, dir, contents)
}

// checkFolder wants these files in a folder, and nothing else.
func checkFolder(t *testing.T, dir string, want map[string][]byte) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		content, err := os.ReadFile(filepath.Join(dir, entry.Name()))
		if wanted, ok := want[entry.Name()]; !ok || err != nil || !bytes.Equal(content, wanted) {
			t.Errorf("%q has %d bytes, want %d (there: %t); %v", entry.Name(), len(content), len(wanted), ok, err)
		}
	}
	if len(entries) != len(want) {
		t.Errorf("%d files were fetched, want %d", len(entries), len(want))
	}
}

// The operations that OpenHands' own client calls.
func TestCompanionsOfOpenHandsListAndShowFiles(t *testing.T) {
	id := conversation(t)
	contents := fill(t, id, some()...)
	var paths []string
	callFor(t, http.StatusOK, &paths, "GET", id, "list-files", nil)
	slices.Sort(paths)
	if !slices.Equal(paths, stored(t, id)) {
		t.Errorf("list-files has %q, stored %q", paths, stored(t, id))
	}
	var shown struct{ Code string }
	callFor(t, http.StatusOK, &shown, "GET", id, "select-file?file=notes.md", nil)
	if shown.Code != string(contents["notes.md"]) {
		t.Errorf("notes.md is shown as %q", shown.Code)
	}
	var refusal struct{ Error string }
	callFor(t, http.StatusUnsupportedMediaType, &refusal, "GET", id, "select-file?file=bytes.bin", nil)
	if refusal.Error == "" {
		t.Error("a binary file is refused without a word")
	}
}

func TestFilesAreForWhoHasTheKey(t *testing.T) {
	id := conversation(t)
	fill(t, id, some()...)
	for method, paths := range map[string][]string{
		"GET":    {"files", "files/notes.md", "zip", "manifest", "fetch.sh", "list-files", "select-file?file=notes.md", "s3/params?filename=a.txt"},
		"DELETE": {"files/notes.md", "s3/multipart/x?key=y"},
		"POST":   {"s3/multipart", "s3/sign", "s3/multipart/x/complete?key=y"},
	} {
		for _, path := range paths {
			for _, key := range []string{"", "wrong"} {
				r, err := http.NewRequestWithContext(t.Context(), method, apiURL(id, path), strings.NewReader("{}"))
				if err != nil {
					t.Fatal(err)
				}
				if key != "" {
					r.Header.Set("X-Session-API-Key", key)
				}
				got, err := do(r)
				if err != nil || got.status != http.StatusUnauthorized || strings.Contains(string(got.body), "notes") {
					t.Errorf("%s %s with the key %q: status %d, error %v, body %.200s", method, path, key, got.status, err, got.body)
				}
			}
		}
	}
	if got := stored(t, id); len(got) != len(some()) {
		t.Errorf("stored %q", got)
	}
}

// asset finds what the page loads.
var asset = regexp.MustCompile(`(?:src|href)="([^"#]+)"`)

func TestPageIsServedWithAllThatItNeeds(t *testing.T) {
	page := get(t, stack.API+"/")
	policy := page.header.Get("Content-Security-Policy")
	if page.status != http.StatusOK || !strings.HasPrefix(page.header.Get("Content-Type"), "text/html") ||
		!strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "connect-src 'self' "+stack.S3+";") {
		t.Fatalf("status %d, %v, body %.300s", page.status, page.header, page.body)
	}
	at, err := url.Parse(stack.API + "/")
	if err != nil {
		t.Fatal(err)
	}
	assets := asset.FindAllSubmatch(page.body, -1)
	if len(assets) == 0 {
		t.Errorf("the page loads nothing: %.500s", page.body)
	}
	for _, match := range assets {
		to, err := at.Parse(string(match[1]))
		if err != nil || strings.HasPrefix(string(match[1]), "/") || to.Host != at.Host {
			t.Errorf("the page loads %s, which is not relative to it", match[1])
			continue
		}
		if got := get(t, to.String()); got.status != http.StatusOK || len(got.body) == 0 {
			t.Errorf("%s: status %d, %d bytes", to, got.status, len(got.body))
		}
	}
}

func get(t *testing.T, url string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "*/*")
	got, err := do(r)
	if err != nil {
		t.Fatal(err)
	}
	return got
}
