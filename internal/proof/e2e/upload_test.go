package e2e_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyByte has all values of a byte, and what a careless parser takes for the
// end of a line or of a part.
func everyByte() []byte {
	content := []byte("\r\n--\r\n\x00\xff\xfe\r\n")
	for i := range 256 {
		content = append(content, byte(i))
	}
	return append(content, "\r\n--boundary--\r\n"...)
}

func TestUploadedFilesComeBackAsTheyWereSent(t *testing.T) {
	files := []file{
		{"bytes.bin", everyByte()},
		{"empty.txt", nil},
		{"text.txt", []byte("first line\r\nlast line without an end")},
		{"notes.md", []byte("# Überschrift\n\n日本語 🎉\n")},
		{"Grüße – 日本語 🎉.txt", []byte("unicode name")},
		{"big.bin", random(t, 1<<20)},
	}
	id := conversation(t)
	got := upload(t, id, files...)
	for i, f := range files {
		receipt := got.Files[i]
		sum := sha256.Sum256(f.content)
		if receipt.Name != f.name || got.UploadedFiles[i] != f.name || got.FileURLs[i] != receipt.URL {
			t.Errorf("file %d is %q, %q, want %q with one URL", i, receipt.Name, got.UploadedFiles[i], f.name)
		}
		if receipt.Size != int64(len(f.content)) || receipt.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("%s: size %d and hash %s, want %d and %x", f.name, receipt.Size, receipt.SHA256, len(f.content), sum)
		}
		if want := stack.Prefix + id + "/" + f.name; receipt.Key != want {
			t.Errorf("%s: key %q, want %q", f.name, receipt.Key, want)
		}
		status, header, content := fetch(t, receipt.URL)
		if status != http.StatusOK || !bytes.Equal(content, f.content) {
			t.Errorf("%s: its URL gives status %d and %d bytes, want 200 and the %d that were sent", f.name, status, len(content), len(f.content))
		}
		checkDownload(t, f.name, header)
	}
	if len(got.SkippedFiles) != 0 {
		t.Errorf("skipped %q", got.SkippedFiles)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(got.UploadedFiles)), stored(t, id)); diff != "" {
		t.Errorf("files in the answer (-) and in the bucket (+):\n%s", diff)
	}
}

// checkDownload wants a browser to save the file under its name, without its
// folders, never to show it.
func checkDownload(t *testing.T, name string, header http.Header) {
	t.Helper()
	disposition, parameters, err := mime.ParseMediaType(header.Get("Content-Disposition"))
	if err != nil || disposition != "attachment" || parameters["filename"] != path.Base(name) {
		t.Errorf("%s: Content-Disposition %q", name, header.Get("Content-Disposition"))
	}
}

func TestManyFilesOfOneRequestKeepTheirOrder(t *testing.T) {
	var files []file
	for i := range 50 {
		files = append(files, file{fmt.Sprintf("file %02d.txt", 49-i), fmt.Appendf(nil, "content %d", i)})
	}
	got := upload(t, conversation(t), files...)
	for i, f := range files {
		if got.UploadedFiles[i] != f.name {
			t.Errorf("file %d is %q, want %q", i, got.UploadedFiles[i], f.name)
		}
		if _, _, content := fetch(t, got.FileURLs[i]); !bytes.Equal(content, f.content) {
			t.Errorf("%s is %q, want %q", f.name, content, f.content)
		}
	}
}

func TestDangerousNamesStayInTheirConversation(t *testing.T) {
	names := []string{"../../../etc/passwd", `..\\..\\boot.ini`, "/etc/shadow", "..", "a/../../b.txt", "a/b/c.txt", "CON/aux.txt", "x\u202egpj.exe"}
	var files []file
	for i, name := range names {
		files = append(files, file{name, fmt.Appendf(nil, "%d", i)})
	}
	id := conversation(t)
	got := upload(t, id, files...)
	for i, receipt := range got.Files {
		if !strings.HasPrefix(receipt.Key, stack.Prefix+id+"/") || strings.ContainsAny(receipt.Name, "\\\u202e") ||
			path.Clean("/"+receipt.Name) != "/"+receipt.Name {
			t.Errorf("%q is stored as %q", names[i], receipt.Key)
		}
	}
	if got, want := len(stored(t, id)), len(names); got != want {
		t.Errorf("%d files are stored, want %d", got, want)
	}
}

func TestSameNameNeverOverwrites(t *testing.T) {
	id := conversation(t)
	first := upload(t, id, file{"report.txt", []byte("one")})
	again := upload(t, id, file{"report.txt", []byte("one")})
	other := upload(t, id, file{"report.txt", []byte("two")}, file{"report.txt", []byte("three")})
	if first.Files[0].Key != again.Files[0].Key {
		t.Errorf("the same file is stored as %q and as %q", first.Files[0].Key, again.Files[0].Key)
	}
	for _, c := range []struct{ url, want string }{
		{first.FileURLs[0], "one"}, {again.FileURLs[0], "one"}, {other.FileURLs[0], "two"}, {other.FileURLs[1], "three"},
	} {
		if _, _, content := fetch(t, c.url); string(content) != c.want {
			t.Errorf("%s has %q, want %q", c.url, content, c.want)
		}
	}
	if got := stored(t, id); len(got) != 3 {
		t.Errorf("stored %q, want three files", got)
	}
}

func TestUploadsAtOnceLoseNothing(t *testing.T) {
	id, keys := conversation(t), []string{sessionKey(t)}
	const uploads = 6
	answers := make([]answer, 2*uploads)
	errs := make([]error, len(answers))
	var group sync.WaitGroup
	for i := range answers {
		// Each content comes twice, as from a client that tries again too early.
		group.Go(func() {
			answers[i], errs[i] = trySend(t, id, keys, file{"same name.txt", fmt.Appendf(nil, "content %d", i%uploads)})
		})
	}
	group.Wait()
	want := map[string]bool{}
	for i, got := range answers {
		if errs[i] != nil || got.status != http.StatusOK || len(got.Files) != 1 {
			t.Fatalf("upload %d: status %d, error %v, body %.300s", i, got.status, errs[i], got.body)
		}
		want[got.Files[0].Name] = true
		if _, _, content := fetch(t, got.FileURLs[0]); string(content) != fmt.Sprintf("content %d", i%uploads) {
			t.Errorf("upload %d has %q", i, content)
		}
	}
	if got := stored(t, id); len(got) != uploads || len(want) != uploads {
		t.Errorf("stored %q, answered %v, want %d files", got, want, uploads)
	}
}

// The limits of Lambda, not ours: an event has 6 MB, of which base64 takes a
// quarter. The gateway's own answer to more promises about 4.4 MiB.
func TestLargestRequestThatFitsIsStoredAndOneByteMoreIsRefused(t *testing.T) {
	const promised = 44 << 20 / 10
	id, keys := conversation(t), []string{sessionKey(t)}
	content := random(t, 6<<20)
	try := func(size int) answer {
		return send(t, id, keys, file{fmt.Sprintf("%d.bin", size), content[:size]})
	}
	// The boundary of a form is as long each time, and so is the name.
	fits, breaks := promised, 5<<20
	for breaks-fits > 1 {
		middle := (fits + breaks) / 2
		if try(middle).status == http.StatusOK {
			fits = middle
		} else {
			breaks = middle
		}
	}
	got := try(fits)
	if got.status != http.StatusOK || len(got.Files) != 1 {
		t.Fatalf("%d bytes: status %d, body %.300s", fits, got.status, got.body)
	}
	if _, _, fetched := fetch(t, got.FileURLs[0]); !bytes.Equal(fetched, content[:fits]) {
		t.Errorf("the file of %d bytes comes back as %d others", fits, len(fetched))
	}
	if got := try(breaks); got.status < 400 {
		t.Errorf("%d bytes: status %d", breaks, got.status)
	}
	if names := stored(t, id); slices.Contains(names, fmt.Sprintf("%d.bin", breaks)) {
		t.Errorf("the file of %d bytes is stored though it was refused", breaks)
	}
	t.Logf("%d bytes fit, %d do not", fits, breaks)
}

func TestBadRequestsStoreNothing(t *testing.T) {
	id, key := conversation(t), sessionKey(t)
	whole, contentType := form(t, file{"a.txt", []byte("a")}, file{"b.txt", []byte("b")})
	for _, c := range []struct {
		name, contentType string
		body              []byte
		want              int
	}{
		{"cut body", contentType, whole[:len(whole)-20], http.StatusBadRequest},
		{"no boundary", "multipart/form-data", whole, http.StatusBadRequest},
		{"JSON", "application/json", []byte(`{"files":[]}`), http.StatusUnprocessableEntity},
		{"nothing", contentType, nil, http.StatusUnprocessableEntity},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, uploadURL(id), bytes.NewReader(c.body))
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("Content-Type", c.contentType)
			r.Header.Set("X-Session-API-Key", key)
			got, err := do(r)
			if err != nil {
				t.Fatal(err)
			}
			if got.status != c.want || got.header.Get("Content-Type") != "application/json" || !bytes.HasPrefix(got.body, []byte(`{"detail":`)) {
				t.Errorf("status %d, type %q, body %s, want status %d", got.status, got.header.Get("Content-Type"), got.body, c.want)
			}
		})
	}
	if got := stored(t, id); len(got) != 0 {
		t.Errorf("stored %q", got)
	}
}

func TestURLsOpenTheirFileOnly(t *testing.T) {
	got := upload(t, conversation(t), file{"a.txt", []byte("a")}, file{"b.txt", []byte("b")})
	url := got.FileURLs[0]
	last := url[len(url)-1:]
	swapped := "0"
	if last == "0" {
		swapped = "1"
	}
	type misuse struct{ name, method, url string }
	misuses := []misuse{
		{"another signature", "GET", strings.TrimSuffix(url, last) + swapped},
		{"another file", "GET", strings.Replace(url, "/a.txt?", "/b.txt?", 1)},
		{"another disposition", "GET", strings.Replace(url, "attachment", "inline", 1)},
		{"a longer life", "GET", strings.Replace(url, "X-Amz-Expires=", "X-Amz-Expires=9", 1)},
		{"another method", "PUT", url},
		{"deletion", "DELETE", url},
	}
	if stack.Anonymous {
		t.Logf("%s lets anyone read: that a URL without a signature opens nothing is not tested", stack.Name)
	} else {
		misuses = append(misuses, misuse{"no signature", "GET", url[:strings.Index(url, "?")]})
	}
	for _, c := range misuses {
		t.Run(c.name, func(t *testing.T) {
			if c.method == "GET" && c.url == url {
				t.Fatalf("%s has nothing to change", url)
			}
			r, err := http.NewRequestWithContext(t.Context(), c.method, c.url, nil)
			if err != nil {
				t.Fatal(err)
			}
			response, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != http.StatusForbidden {
				t.Errorf("status %d, want 403", response.StatusCode)
			}
		})
	}
	if _, _, content := fetch(t, url); string(content) != "a" {
		t.Errorf("the URL gives %q after all that", content)
	}
}

func TestURLsExpireWhenTheySay(t *testing.T) {
	if stack.URLExpiry > time.Minute {
		t.Skipf("URLs of %s live for %s", stack.Name, stack.URLExpiry)
	}
	got := upload(t, conversation(t), file{"a.txt", []byte("a")})
	expires := got.Files[0].ExpiresAt
	if left := time.Until(expires); left <= 0 || left > stack.URLExpiry {
		t.Errorf("the URL expires in %s, want up to %s", left, stack.URLExpiry)
	}
	if status, _, _ := fetch(t, got.FileURLs[0]); status != http.StatusOK {
		t.Errorf("status %d before it expires", status)
	}
	time.Sleep(time.Until(expires) + 2*time.Second)
	if status, _, body := fetch(t, got.FileURLs[0]); status != http.StatusForbidden {
		t.Errorf("status %d after it expired: %.200s", status, body)
	}
}
