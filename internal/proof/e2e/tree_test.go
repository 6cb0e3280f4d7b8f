package e2e_test

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
)

// tree are the files of a project: 200 in 20 folders, some of them hidden.
func tree() []file {
	var files []file
	for i := range 20 {
		folder := fmt.Sprintf("project/part %d/", i)
		switch i {
		case 0:
			folder = "project/"
		case 1:
			folder = "project/.github/workflows/"
		case 2:
			folder = "project/src/日本語/ü/"
		case 3:
			folder = "project/src/"
		}
		for j, name := range []string{".env", ".gitignore", "index.html", "main.py", "README.md", "a~b", "x.tar.gz", "-n.txt", "naïve plan.txt", "data.bin"} {
			files = append(files, file{folder + name, fmt.Appendf(nil, "file %d of folder %d\n", j, i)})
		}
	}
	return files
}

// stored names: "-n.txt" gets an underscore.
func safe(name string) string { return strings.ReplaceAll(name, "/-n.txt", "/_-n.txt") }

// sums are the hashes of the files by the names that they are to have.
func sums(files []file) map[string]string {
	out := make(map[string]string, len(files))
	for _, f := range files {
		out[safe(f.name)] = hexSum(f.content)
	}
	return out
}

func TestATreeIsTheSameByEveryRoad(t *testing.T) {
	files := tree()
	want := sums(files)
	t.Run("a form", func(t *testing.T) {
		id := conversation(t)
		for chunk := range slices.Chunk(files, 80) {
			upload(t, id, chunk...)
		}
		checkTree(t, id, want)
	})
	t.Run("the direct lane", func(t *testing.T) {
		id := conversation(t)
		for i, f := range files {
			folder, name := f.name[:strings.LastIndex(f.name, "/")+1], f.name[strings.LastIndex(f.name, "/")+1:]
			query := url.Values{"filename": {name}, "type": {"text/plain"}, "metadata[relativePath]": {folder + name}}
			if i%2 == 0 {
				query = url.Values{"filename": {f.name}, "type": {"text/plain"}}
			}
			var s signed
			callFor(t, http.StatusOK, &s, "GET", id, "s3/params?"+query.Encode(), nil)
			if got := put(t, s, f.content); got.status != http.StatusOK {
				t.Fatalf("PUT of %s is answered %d %.300s", f.name, got.status, got.body)
			}
		}
		checkTree(t, id, want)
	})
}

// checkTree wants a conversation to have these files wherever it shows them.
func checkTree(t *testing.T, id string, want map[string]string) {
	t.Helper()
	same := func(where string, got map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-sent +got):\n%s", where, diff)
		}
	}
	same("the bucket", bucketTree(t, id))
	same("the list by folders", folderTree(t, id, ""))
	same("the zip", zipTree(t, id))
	if fetched, ok := scriptTree(t, id); ok {
		same("what fetch.sh downloads", fetched)
	}

	var manifest struct{ Files []listed }
	callFor(t, http.StatusOK, &manifest, "GET", id, "manifest", nil)
	got := map[string]string{}
	for _, f := range manifest.Files {
		got[f.Name] = f.SHA256
	}
	same("the manifest", got)
	if names := slices.Sorted(maps.Keys(want)); !slices.Equal(names, openHandsTree(t, id, "")) {
		t.Errorf("list-files leads to %q, want %q", openHandsTree(t, id, ""), names)
	}
	for _, name := range []string{"project/.env", "project/src/日本語/ü/naïve plan.txt"} {
		for _, path := range []string{url.PathEscape(name), (&url.URL{Path: name}).EscapedPath()} {
			got := call(t, "GET", id, "files/"+path, nil)
			if got.status != http.StatusTemporaryRedirect {
				t.Errorf("GET files/%s = %d, want 307; body %.300s", path, got.status, got.body)
				continue
			}
			if _, _, content := fetch(t, got.header.Get("Location")); hexSum(content) != want[name] {
				t.Errorf("files/%s leads to %d other bytes", path, len(content))
			}
		}
	}
}

// bucketTree is what a sync of the conversation's prefix brings.
func bucketTree(t *testing.T, id string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for _, name := range stored(t, id) {
		key := stack.Prefix + id + "/" + name
		out, err := bucket().GetObject(t.Context(), &s3.GetObjectInput{Bucket: &stack.Bucket, Key: &key})
		if err != nil {
			t.Fatal(err)
		}
		hash := sha256.New()
		if _, err := io.Copy(hash, out.Body); err != nil {
			t.Fatal(err)
		}
		out.Body.Close()
		got[name] = hex.EncodeToString(hash.Sum(nil))
	}
	return got
}

// folderTree goes through the folders by pages of a few.
func folderTree(t *testing.T, id, folder string) map[string]string {
	t.Helper()
	got := map[string]string{}
	for cursor := ""; ; {
		var page struct {
			Files   []listed
			Folders []string
			Next    *string
		}
		query := url.Values{"folder": {folder}, "limit": {"7"}, "cursor": {cursor}}
		callFor(t, http.StatusOK, &page, "GET", id, "files?"+query.Encode(), nil)
		for _, f := range page.Files {
			got[f.Name] = f.SHA256
			if f.SHA256 == "" {
				_, _, content := fetch(t, f.URL)
				got[f.Name] = hexSum(content)
			}
		}
		for _, folder := range page.Folders {
			maps.Copy(got, folderTree(t, id, folder))
		}
		if page.Next == nil {
			return got
		}
		cursor = *page.Next
	}
}

func openHandsTree(t *testing.T, id, folder string) (names []string) {
	t.Helper()
	var entries []string
	callFor(t, http.StatusOK, &entries, "GET", id, "list-files?path="+url.QueryEscape(folder), nil)
	for _, entry := range entries {
		if strings.HasSuffix(entry, "/") {
			names = append(names, openHandsTree(t, id, entry)...)
		} else {
			names = append(names, entry)
		}
	}
	slices.Sort(names)
	return names
}

func zipTree(t *testing.T, id string) map[string]string {
	t.Helper()
	archive := call(t, "GET", id, "zip", nil)
	read, err := zip.NewReader(bytes.NewReader(archive.body), int64(len(archive.body)))
	if err != nil {
		t.Fatalf("zip is answered %d, %d bytes: %v", archive.status, len(archive.body), err)
	}
	got := map[string]string{}
	for _, entry := range read.File {
		r, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		r.Close()
		if err != nil {
			t.Fatalf("%s: %v", entry.Name, err)
		}
		got[entry.Name] = hexSum(content)
	}
	return got
}

// scriptTree is what the script downloads. It is false where there is no curl.
func scriptTree(t *testing.T, id string) (got map[string]string, ok bool) {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		return nil, false
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-s")
	cmd.Dir, cmd.Stdin = t.TempDir(), bytes.NewReader(call(t, "GET", id, "fetch.sh", nil).body)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("fetch.sh: %v\n%s", err, out)
	}
	got = map[string]string{}
	err := fs.WalkDir(os.DirFS(cmd.Dir), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(filepath.Join(cmd.Dir, path))
		got[path] = hexSum(content)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return got, true
}

// On a disk a file and a folder cannot have one name: the later of the two gets
// another, and both can be fetched.
func TestAFileAndAFolderOfOneNameAreBothKept(t *testing.T) {
	for _, order := range [][]string{{"a", "a/b", "a/c/d"}, {"a/b", "a", "a/c/d"}, {"x/y/z", "x/y", "x"}, {"x", "x/y", "x/y/z"}} {
		id := conversation(t)
		want := map[string]bool{}
		for i, name := range order {
			content := fmt.Appendf(nil, "content %d", i)
			got := upload(t, id, file{name, content})
			again := upload(t, id, file{name, content})
			if got.Files[0].Key != again.Files[0].Key {
				t.Errorf("%q is at %q, and sent again at %q", name, got.Files[0].Key, again.Files[0].Key)
			}
			if isThere := slices.Contains(order[:i], got.Files[0].Name); isThere || i == 0 && got.Files[0].Name != name {
				t.Errorf("of %q, %q is stored as %q", order, name, got.Files[0].Name)
			}
			want[hexSum(content)] = true
		}
		names := stored(t, id)
		for _, name := range names {
			for _, other := range names {
				if strings.HasPrefix(other, name+"/") {
					t.Errorf("of %q, %q lies below the file %q", order, other, name)
				}
			}
		}
		got := map[string]bool{}
		for _, sum := range zipTree(t, id) {
			got[sum] = true
		}
		if diff := cmp.Diff(want, got); diff != "" || len(names) != len(order) {
			t.Errorf("%q are %q; in the zip (-sent +got):\n%s", order, names, diff)
		}
	}
}

// The same by the direct lane, where the bytes do not come by here.
func TestAFileAndAFolderOfOneNameAreBothKeptInTheDirectLane(t *testing.T) {
	for _, order := range [][]string{{"a", "a/b", "a/c/d"}, {"a/b", "a", "a/c"}} {
		id := conversation(t)
		for i, name := range order {
			if got := put(t, params(t, id, name, []byte(name)), []byte(name)); got.status != http.StatusOK {
				t.Errorf("of %q, %q, number %d, is answered %d %.300s", order, name, i, got.status, got.body)
			}
		}
		if got := stored(t, id); len(got) != len(order) {
			t.Errorf("of %q are stored %q", order, got)
		}
	}
}

func TestNamesThatDifferByCaseAloneAreTwoFilesInAnArchive(t *testing.T) {
	id := conversation(t)
	upload(t, id, file{"Report.txt", []byte("1")}, file{"report.txt", []byte("2")})
	if got := stored(t, id); !slices.Equal(got, []string{"Report.txt", "report.txt"}) {
		t.Errorf("stored %q, want both as they are", got)
	}
	got := zipTree(t, id)
	delete(got, "MISSING.txt")
	folded := map[string]bool{}
	for name := range got {
		folded[strings.ToLower(name)] = true
	}
	if len(got) != 2 || len(folded) != 2 {
		t.Errorf("in the zip: %q, want two files on every disk", slices.Sorted(maps.Keys(got)))
	}
}

// What another process has stored, this one does not remember.
func TestAFileGetsANameBesideAFolderThatNobodyRemembers(t *testing.T) {
	id := conversation(t)
	for _, name := range []string{"a/b", "f"} {
		key := stack.Prefix + id + "/" + name
		if _, err := bucket().PutObject(t.Context(), &s3.PutObjectInput{Bucket: &stack.Bucket, Key: &key, Body: strings.NewReader(name)}); err != nil {
			t.Fatal(err)
		}
	}
	upload(t, id, file{"a", []byte("1")}, file{"f/x/y", []byte("2")}, file{"f/z", []byte("3")})
	want := map[string]bool{}
	for _, content := range []string{"a/b", "f", "1", "2", "3"} {
		want[hexSum([]byte(content))] = true
	}
	got := map[string]bool{}
	zip := zipTree(t, id)
	delete(zip, "MISSING.txt")
	for _, sum := range zip {
		got[sum] = true
	}
	if diff := cmp.Diff(want, got); diff != "" || len(zip) != len(want) {
		t.Errorf("in the zip (-sent +got):\n%s", diff)
	}
	if fetched, ok := scriptTree(t, id); ok && len(fetched) != len(want) {
		t.Errorf("fetch.sh has %d files, want %d: %q", len(fetched), len(want), slices.Sorted(maps.Keys(fetched)))
	}
}
