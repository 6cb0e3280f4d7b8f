package filesapi_test

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/filesapi"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/openapi/openapitest"
	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/local/gateway"
)

const (
	base = "/api/conversations/c"
	dir  = "conversations/c/"
)

// oneKey opens the conversation "c", and is unavailable for "down".
type oneKey string

func (k oneKey) Check(_ context.Context, conversation, key string) error {
	switch {
	case conversation == "down":
		return session.ErrUnavailable
	case conversation != "c" || key != string(k):
		return session.ErrDenied
	}
	return nil
}

type rig struct {
	filestest.Memory
	options files.Options
	api     filesapi.API
	log     bytes.Buffer
}

// newRig has an object for each name, whose content is its name.
func newRig(names ...string) *rig {
	g := &rig{}
	for _, name := range names {
		g.Put(filestest.Object{Key: dir + name, Data: []byte(name), ContentType: "text/plain; charset=utf-8", Verified: true})
	}
	g.options = files.Options{Store: g, Prefix: "conversations/"}
	return g
}

func (g *rig) handler() http.Handler {
	g.api.Files = files.New(g.options)
	return httpapi.New(httpapi.Options{
		Keys: oneKey("secret-key"), Origins: []string{"https://chat.example.com"}, Log: slog.New(slog.NewJSONHandler(&g.log, nil)),
	}, g.api.Routes()...)
}

// send returns the answer, which must be as the API's description says.
func (g *rig) send(t *testing.T, method, path string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Session-API-Key", "secret-key")
	recorder := httptest.NewRecorder()
	openapitest.Wrap(t, g.handler()).ServeHTTP(recorder, r)
	return recorder.Result(), recorder.Body.String()
}

func (g *rig) get(t *testing.T, path string, into any) (status int) {
	t.Helper()
	response, body := g.send(t, http.MethodGet, base+path)
	if err := json.Unmarshal([]byte(body), into); err != nil {
		t.Fatalf("GET %s = %d, the body %q is not as expected: %v", path, response.StatusCode, body, err)
	}
	return response.StatusCode
}

type page struct {
	Files   []map[string]any `json:"files"`
	Folders []string         `json:"folders"`
	Next    *string          `json:"next"`
}

func sum(text string) string {
	h := sha256.Sum256([]byte(text))
	return hex.EncodeToString(h[:])
}

func TestListHasAllThatIsKnown(t *testing.T) {
	g := newRig("a.txt")
	g.Put(filestest.Object{Key: dir + "b", Data: []byte("b")})
	var got page
	if status := g.get(t, "/files", &got); status != 200 || got.Next != nil {
		t.Errorf("status %d, next %v, want 200 and null", status, got.Next)
	}
	for _, f := range got.Files {
		if f["expires_at"] == "" {
			t.Error("no expires_at")
		}
		delete(f, "expires_at")
	}
	want := []map[string]any{
		{"name": "a.txt", "key": dir + "a.txt", "size": 5.0, "content_type": "text/plain; charset=utf-8", "sha256": sum("a.txt"),
			"modified": "2026-01-02T03:04:05Z", "url": "memory:" + dir + "a.txt"},
		{"name": "b", "key": dir + "b", "size": 1.0, "content_type": "", "sha256": "",
			"modified": "2026-01-02T03:04:05Z", "url": "memory:" + dir + "b"},
	}
	if diff := cmp.Diff(want, got.Files); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestListGoesOnWhereTheLastPageEnded(t *testing.T) {
	var names []string
	for i := range 250 {
		names = append(names, fmt.Sprintf("%03d é.txt", i))
	}
	g := newRig(names...)
	for query, pages := range map[string]int{"": 3, "limit=1000": 1, "limit=125": 2, "limit=249": 2} {
		var got []string
		path := "/files?" + query
		for n := 1; path != ""; n++ {
			var p page
			if status := g.get(t, path, &p); status != 200 {
				t.Fatalf("GET %s = %d", path, status)
			}
			for _, f := range p.Files {
				got = append(got, f["name"].(string))
			}
			path = ""
			if p.Next != nil {
				path = "/files?" + query + "&cursor=" + *p.Next
			} else if n != pages {
				t.Errorf("%q: %d pages, want %d", query, n, pages)
			}
		}
		if diff := cmp.Diff(names, got); diff != "" {
			t.Errorf("%q: names (-want +got):\n%s", query, diff)
		}
	}
}

func encoded(name string) string { return base64.RawURLEncoding.EncodeToString([]byte(name)) }

// named are the names of a page's files.
func (p page) named() []string {
	names := []string{}
	for _, f := range p.Files {
		names = append(names, f["name"].(string))
	}
	return names
}

func TestListOfAFolderHasItsFilesAndFolders(t *testing.T) {
	g := newRig("a.txt", "src/main.py", "src/lib/a.py", "src/lib/b.py", "src/lib!", "src0", ".github/workflows/ci.yml", "é x/y+%&.txt")
	for query, want := range map[string]page{
		"folder=":                                {Folders: []string{".github/", "src/", "é x/"}},
		"folder=/":                               {Folders: []string{".github/", "src/", "é x/"}},
		"folder=src":                             {Folders: []string{"src/lib/"}},
		"folder=src/":                            {Folders: []string{"src/lib/"}},
		"folder=%5Csrc%5C":                       {Folders: []string{"src/lib/"}},
		"folder=src/lib":                         {Folders: []string{}},
		"folder=.github":                         {Folders: []string{".github/workflows/"}},
		"folder=" + url.QueryEscape("e\u0301 x"): {Folders: []string{}},
		"folder=nothing":                         {Folders: []string{}},
		"folder=a.txt":                           {Folders: []string{}},
		"folder=../c/src":                        {Folders: []string{}},
		"":                                       {},
	} {
		files := map[string][]string{
			"folder=": {"a.txt", "src0"}, "folder=/": {"a.txt", "src0"}, "folder=src": {"src/lib!", "src/main.py"}, "folder=src/": {"src/lib!", "src/main.py"},
			"folder=%5Csrc%5C": {"src/lib!", "src/main.py"}, "folder=src/lib": {"src/lib/a.py", "src/lib/b.py"},
			"folder=" + url.QueryEscape("e\u0301 x"): {"é x/y+%&.txt"},
			"":                                       {".github/workflows/ci.yml", "a.txt", "src/lib!", "src/lib/a.py", "src/lib/b.py", "src/main.py", "src0", "é x/y+%&.txt"},
		}[query]
		var got page
		if status := g.get(t, "/files?"+query, &got); status != 200 || got.Next != nil {
			t.Errorf("%q = %d, next %v", query, status, got.Next)
		}
		if diff := cmp.Diff(want.Folders, got.Folders); diff != "" {
			t.Errorf("%q: folders (-want +got):\n%s", query, diff)
		}
		if diff := cmp.Diff(append([]string{}, files...), got.named()); diff != "" {
			t.Errorf("%q: files (-want +got):\n%s", query, diff)
		}
	}
}

func TestListOfAFolderGoesOnWhereTheLastPageEnded(t *testing.T) {
	var names, want []string
	for i := range 50 {
		names = append(names, fmt.Sprintf("d/%02d/a", i), fmt.Sprintf("d/%02d/b/c", i), fmt.Sprintf("d/%02d.txt", i))
		want = append(want, fmt.Sprintf("d/%02d.txt", i), fmt.Sprintf("d/%02d/", i))
	}
	g := newRig(append(names, "d/../up", "d/-rf/x", "e/x")...)
	for _, limit := range []int{1, 3, 50, 99, 100, 1000} {
		var got []string
		query := fmt.Sprintf("folder=d&limit=%d", limit)
		for cursor := ""; ; {
			var p page
			if status := g.get(t, "/files?"+query+"&cursor="+cursor, &p); status != 200 || len(p.Files)+len(p.Folders) > limit {
				t.Fatalf("GET with %q = %d, %d files and %d folders", cursor, status, len(p.Files), len(p.Folders))
			}
			both := append(p.named(), p.Folders...)
			slices.Sort(both)
			got = append(got, both...)
			if p.Next == nil {
				break
			}
			cursor = *p.Next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("by pages of %d (-want +got):\n%s", limit, diff)
		}
	}
}

// What a file was sent as finds it: people and programs know no other name.
func TestAFileIsFoundByTheNameThatWasSent(t *testing.T) {
	for sent, name := range map[string]string{
		"re\u0301sume\u0301.txt": "résumé.txt", ".env": ".env", "a?b.txt": "a_b.txt", "nul.log": "_nul.log", "end.": "end",
		"Screenshot 4.42.48\u202fPM.png": "Screenshot 4.42.48 PM.png", "src/main.py": "src/main.py", `src\main.py`: "src/main.py",
		"./src//main.py": "src/main.py", "/src/../main.py": "src/main.py", "CON/aux.txt": "_CON/_aux.txt",
	} {
		g := newRig(name)
		for _, path := range []string{"/files/" + url.PathEscape(sent), "/files/" + (&url.URL{Path: sent}).EscapedPath()} {
			if response, _ := g.send(t, http.MethodGet, base+path); response.StatusCode != 307 || response.Header.Get("Location") != "memory:"+dir+name {
				t.Errorf("GET %s = %d to %q", path, response.StatusCode, response.Header.Get("Location"))
			}
			if response, _ := g.send(t, http.MethodHead, base+path); response.StatusCode != 200 {
				t.Errorf("HEAD %s = %d", path, response.StatusCode)
			}
		}
		var text struct{ Code string }
		if status := g.get(t, "/select-file?file="+url.QueryEscape(sent), &text); status != 200 || text.Code != name {
			t.Errorf("select-file %q = %d %q", sent, status, text.Code)
		}
		if response, _ := g.send(t, http.MethodDelete, base+"/files/"+url.PathEscape(sent)); response.StatusCode != 204 {
			t.Errorf("DELETE %q = %d", sent, response.StatusCode)
		}
		if _, err := g.Head(t.Context(), dir+name); !errors.Is(err, upload.ErrNotFound) {
			t.Errorf("DELETE %q left %q: %v", sent, name, err)
		}
	}
}

func TestANameThatNoFileCanHaveIsNotFound(t *testing.T) {
	g := newRig("unnamed", "a")
	for _, name := range []string{"%2e%2e", "%2e", ".%2f..", "%20", "%00", "...", "%E2%80%8B", "%5c", "%2e%2e/%2e%2e"} {
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodDelete} {
			if response, body := g.send(t, method, base+"/files/"+name); response.StatusCode != 404 {
				t.Errorf("%s %s = %d %s, want 404", method, name, response.StatusCode, body)
			}
		}
		if status := g.get(t, "/select-file?file="+name, &struct{}{}); status != 404 {
			t.Errorf("select-file %s = %d, want 404", name, status)
		}
	}
	if g.Calls("head") != 0 || g.Calls("delete") != 0 {
		t.Error("the store was asked for names that no file can have")
	}
}

func TestListRefusesWhatIsNoPage(t *testing.T) {
	g := newRig("a")
	for _, query := range []string{
		"limit=0", "limit=-1", "limit=1001", "limit=x", "limit=1e3", "limit=1&limit=2", "cursor=&cursor=", "folder=a&folder=b", "cursor=" + encoded("a//b"), "cursor=" + encoded("../b"), "cursor=" + encoded("/"),
		"cursor=" + encoded(strings.Repeat("d/", 40)+"a"), "cursor=%21", "cursor=a", "cursor=Li4vLi4", "cursor=YQ==",
		"cursor=" + strings.Repeat("YWFh", 100),
	} {
		var got map[string]string
		if status := g.get(t, "/files?"+query, &got); status != 400 || got["detail"] == "" {
			t.Errorf("%s = %d %v, want 400", query, status, got)
		}
	}
}

func TestAFileIsWhereTheAnswerSendsTo(t *testing.T) {
	const name = "日本 $(x)#%&;.txt"
	g := newRig(name)
	path := base + "/files/" + url.PathEscape(name)
	response, body := g.send(t, http.MethodGet, path)
	if got := response.Header.Get("Location"); response.StatusCode != 307 || got != "memory:"+dir+name || body != "" {
		t.Errorf("GET = %d to %q, body %q, want 307 to the file", response.StatusCode, got, body)
	}
	response, body = g.send(t, http.MethodHead, path)
	digest := sha256.Sum256([]byte(name))
	want := map[string]string{
		"Content-Length": fmt.Sprint(len(name)), "Content-Type": "text/plain; charset=utf-8", "Etag": `"` + sum(name) + `"`,
		"Last-Modified": "Fri, 02 Jan 2026 03:04:05 GMT", "Location": "",
		"Repr-Digest": "sha-256=:" + base64.StdEncoding.EncodeToString(digest[:]) + ":",
	}
	for header, value := range want {
		if got := response.Header.Get(header); got != value {
			t.Errorf("HEAD: %s = %q, want %q", header, got, value)
		}
	}
	if !strings.HasPrefix(response.Header.Get("Content-Disposition"), "attachment;") || response.StatusCode != 200 || body != "" {
		t.Errorf("HEAD = %d %v %q", response.StatusCode, response.Header, body)
	}
	g.Put(filestest.Object{Key: dir + "declared.txt", Data: []byte("d"), ContentType: "text/plain", Declared: true})
	if response, _ := g.send(t, http.MethodHead, base+"/files/declared.txt"); response.Header.Get("Repr-Digest") != "" {
		t.Errorf("HEAD vouches for a hash that was only declared: %s", response.Header.Get("Repr-Digest"))
	}
	for _, other := range []string{"missing", "%2e%2e", "..%5cx", ".hidden", "a%00b", "日本"} {
		if response, body := g.send(t, http.MethodGet, base+"/files/"+other); response.StatusCode != 404 || body != "{\"detail\":\"There is no such file.\"}\n" {
			t.Errorf("GET %s = %d %s, want 404", other, response.StatusCode, body)
		}
	}
}

// sendWith is send with a header Accept, unless it is empty.
func (g *rig) sendWith(t *testing.T, method, path, accept string) (*http.Response, string) {
	t.Helper()
	r := httptest.NewRequest(method, path, nil)
	r.Header.Set("X-Session-API-Key", "secret-key")
	r.Header.Set("Origin", "https://chat.example.com")
	if accept != "" {
		r.Header.Set("Accept", accept)
	}
	recorder := httptest.NewRecorder()
	openapitest.Wrap(t, g.handler()).ServeHTTP(recorder, r)
	return recorder.Result(), recorder.Body.String()
}

// A page of another origin cannot follow the redirect.
func TestAFileIsDescribedToWhoAsksForJSON(t *testing.T) {
	g := newRig("a.txt", "b.txt")
	var listed page
	g.get(t, "/files?limit=1", &listed)
	for name, test := range map[string]struct {
		query, accept string
		status        int
		vary          string
	}{
		"nothing is said":                  {"", "", 307, "Origin, Accept"},
		"a browser's fetch":                {"", "*/*", 307, "Origin, Accept"},
		"a browser's address bar":          {"", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", 307, "Origin, Accept"},
		"axios":                            {"", "application/json, text/plain, */*", 307, "Origin, Accept"},
		"JSON":                             {"", "application/json", 200, "Origin, Accept"},
		"JSON in capitals and with a rank": {"", "Application/JSON; q=0.9", 200, "Origin, Accept"},
		"JSON and no other":                {"", "application/json, */*;q=0", 200, "Origin, Accept"},
		"no JSON":                          {"", "application/json;q=0", 307, "Origin, Accept"},
		"no list of types":                 {"", "application/json, ;", 307, "Origin, Accept"},
		"the query":                        {"?redirect=false", "", 200, "Origin"},
		"the query against the header":     {"?redirect=false", "text/html", 200, "Origin"},
		"the other way round":              {"?redirect=true", "application/json", 307, "Origin"},
		"another word":                     {"?redirect=0", "", 400, "Origin"},
		"an empty one":                     {"?redirect=", "application/json", 400, "Origin"},
		"twice":                            {"?redirect=false&redirect=false", "", 400, "Origin"},
	} {
		response, body := g.sendWith(t, http.MethodGet, base+"/files/a.txt"+test.query, test.accept)
		if vary := strings.Join(response.Header.Values("Vary"), ", "); response.StatusCode != test.status || vary != test.vary {
			t.Errorf("%s: %d, Vary %q, want %d, %q", name, response.StatusCode, vary, test.status, test.vary)
		}
		if sent := response.Header.Get("Location") != ""; sent != (test.status == 307) {
			t.Errorf("%s: %d to %q", name, response.StatusCode, response.Header.Get("Location"))
		}
		if test.status != 200 {
			continue
		}
		var got map[string]any
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatalf("%s: %v in %s", name, err, body)
		}
		if diff := cmp.Diff(listed.Files[0], got); diff != "" {
			t.Errorf("%s (-list +file):\n%s", name, diff)
		}
	}
}

func TestAFileThatIsNotHandedOutIsDescribedWithoutItsURL(t *testing.T) {
	g := newRig("pending.txt")
	g.options.Required = upload.Tag{Key: "scan", Value: "clean"}
	var got map[string]any
	if status := g.get(t, "/files/pending.txt?redirect=false", &got); status != 200 || got["status"] != "pending" || got["url"] != "" {
		t.Errorf("%d %v, want 200, pending, no URL", status, got)
	}
	if status := g.get(t, "/files/missing.txt?redirect=false", &got); status != 404 {
		t.Errorf("a file that is not there is %d, want 404", status)
	}
}

// HEAD tells of the file, whatever a client accepts, as long as it does not ask for
// the description's headers.
func TestHeadOfAFileFollowsTheQueryAlone(t *testing.T) {
	g := newRig("a.txt")
	for query, want := range map[string]string{"": "text/plain; charset=utf-8", "?redirect=true": "text/plain; charset=utf-8", "?redirect=false": "application/json"} {
		response, body := g.sendWith(t, http.MethodHead, base+"/files/a.txt"+query, "application/json")
		if got := response.Header.Get("Content-Type"); response.StatusCode != 200 || got != want || body != "" || response.Header.Get("Location") != "" {
			t.Errorf("HEAD %q = %d, %s, body %q, want 200, %s", query, response.StatusCode, got, body, want)
		}
		if described := response.Header.Get("ETag") == ""; described != (query == "?redirect=false") {
			t.Errorf("HEAD %q has the ETag %q", query, response.Header.Get("ETag"))
		}
		if vary := strings.Join(response.Header.Values("Vary"), ", "); vary != "Origin" {
			t.Errorf("HEAD %q has Vary %q, want Origin", query, vary)
		}
	}
}

func TestDeleteMayBeRepeated(t *testing.T) {
	g := newRig("a.txt", "b.txt")
	for range 2 {
		if response, body := g.send(t, http.MethodDelete, base+"/files/a.txt"); response.StatusCode != 204 || body != "" {
			t.Errorf("DELETE = %d %q, want 204", response.StatusCode, body)
		}
	}
	var left []string
	if g.get(t, "/list-files", &left); len(left) != 1 || left[0] != "b.txt" {
		t.Errorf("left is %q, want b.txt", left)
	}
}

func TestWithheldFilesAreListedAndNotHandedOut(t *testing.T) {
	g := newRig("blocked.txt", "pending.txt")
	g.Tags = map[string]map[string]string{dir + "blocked.txt": {"scan": "infected"}}
	g.options.Required = upload.Tag{Key: "scan", Value: "clean"}
	var listed, manifest page
	g.get(t, "/files", &listed)
	g.get(t, "/manifest", &manifest)
	for _, f := range append(listed.Files, manifest.Files...) {
		if want := strings.TrimSuffix(f["name"].(string), ".txt"); f["status"] != want || f["url"] != "" {
			t.Errorf("%v, want status %s and no URL", f, want)
		}
	}
	for name, want := range map[string]string{"pending.txt": "pending", "blocked.txt": "blocked"} {
		var got map[string]string
		if status := g.get(t, "/files/"+name, &got); status != 409 || got["status"] != want {
			t.Errorf("GET %s = %d %v, want 409 %s", name, status, got, want)
		}
		if response, _ := g.send(t, http.MethodHead, base+"/files/"+name); response.StatusCode != 409 {
			t.Errorf("HEAD %s = %d, want 409", name, response.StatusCode)
		}
		if status := g.get(t, "/select-file?file="+name, &got); status != 409 || got["error"] == "" {
			t.Errorf("select-file %s = %d %v, want 409", name, status, got)
		}
	}
	_, body := g.send(t, http.MethodGet, base+"/fetch.sh")
	if strings.Contains(body, "memory:") || !strings.Contains(body, "withheld 'pending.txt'") {
		t.Errorf("the script hands out files:\n%s", body)
	}
}

func entries(t *testing.T, body string) map[string]string {
	t.Helper()
	archive, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(file)
		if err != nil {
			t.Fatal(err)
		}
		got[entry.Name] = string(data)
	}
	return got
}

func TestZipHoldsTheFiles(t *testing.T) {
	g := newRig("a.txt", "é.txt", "gone.txt")
	g.Fault = func(_ context.Context, call, key string) error {
		if call == "open" && strings.HasSuffix(key, "gone.txt") {
			return fmt.Errorf("why: %w", upload.ErrNotFound)
		}
		return nil
	}
	response, body := g.send(t, http.MethodGet, base+"/zip")
	if response.Header.Get("Content-Type") != "application/zip" || response.Header.Get("Content-Disposition") != `attachment; filename="c.zip"` {
		t.Errorf("headers = %v", response.Header)
	}
	got := entries(t, body)
	if !strings.Contains(got["MISSING.txt"], "gone.txt: it was deleted") {
		t.Errorf("the report = %q", got["MISSING.txt"])
	}
	delete(got, "MISSING.txt")
	if diff := cmp.Diff(map[string]string{"a.txt": "a.txt", "é.txt": "é.txt"}, got); diff != "" {
		t.Errorf("entries (-want +got):\n%s", diff)
	}
	if response, body := g.send(t, http.MethodHead, base+"/zip"); response.StatusCode != 200 || body != "" || response.Header.Get("Content-Type") != "application/zip" {
		t.Errorf("HEAD = %d %v", response.StatusCode, response.Header)
	}
}

// A file that is gone meanwhile is no failure, and must not ring an alarm.
func TestZipCountsAsFailedWhatTheStoreFailed(t *testing.T) {
	for fault, failed := range map[error]bool{upload.ErrNotFound: false, upload.ErrUnavailable: true} {
		g := newRig("a.txt", "bad.txt")
		g.Fault = func(_ context.Context, call, key string) error {
			if call == "open" && strings.HasSuffix(key, "bad.txt") {
				return fmt.Errorf("why: %w", fault)
			}
			return nil
		}
		if response, _ := g.send(t, http.MethodGet, base+"/zip"); response.StatusCode != 200 {
			t.Errorf("%v: %d, want 200", fault, response.StatusCode)
		}
		log := g.log.String()
		if cause, level := strings.Contains(log, `"file_causes":["why: `), strings.Contains(log, `"level":"ERROR"`); cause != failed || level != failed {
			t.Errorf("%v: cause %t, error %t in the log, want %t\n%s", fault, cause, level, failed, log)
		}
	}
}

// What is not streamed has not gone out when the time is over, so that its client
// is told, and the log line tells the same.
func TestAZipThatRunsOutOfTimeIs503WhereItIsNotStreamed(t *testing.T) {
	g := newRig("a.txt", "b.txt")
	g.Fault = func(ctx context.Context, call, key string) error {
		if call == "open" && key == dir+"b.txt" {
			<-ctx.Done()
			return ctx.Err()
		}
		return nil
	}
	r := httptest.NewRequest(http.MethodGet, base+"/zip", nil)
	r.Header.Set("X-Session-API-Key", "secret-key")
	event, err := gateway.Event(lambdahttp.REST, r, nil, gateway.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	out, err := lambdahttp.New(g.handler(), lambdahttp.Options{Reserve: 100 * time.Millisecond}).Invoke(ctx, event)
	if err != nil {
		t.Fatal(err)
	}
	got, err := gateway.Decode(lambdahttp.REST, out)
	if err != nil || got.Status != 503 || !bytes.Contains(got.Body, []byte("The request took too long.")) ||
		!bytes.Contains(got.Body, []byte("fetch.sh")) || got.Header.Get("Retry-After") == "" {
		t.Errorf("zip = %d %v %.200s, %v, want 503 that names the script", got.Status, got.Header, got.Body, err)
	}
	if !strings.Contains(g.log.String(), `"status":503`) {
		t.Errorf("log %s, want the status that the client got", &g.log)
	}
}

func TestZipThatCannotGoOutWholeIsRefused(t *testing.T) {
	g := newRig("a", "b")
	g.Put(filestest.Object{Key: dir + "c", Data: make([]byte, 300_000)})
	g.api.MaxZip = func(context.Context) int64 { return 700_000 }
	if response, _ := g.send(t, http.MethodGet, base+"/zip"); response.StatusCode != 200 {
		t.Fatalf("below the limit: %d", response.StatusCode)
	}
	g.Put(filestest.Object{Key: dir + "d", Data: make([]byte, 300_000)})
	opens := g.Calls("open")
	var got struct {
		Detail, Fetch string
		MaxBytes      int64 `json:"max_bytes"`
		Size          int64 `json:"size"`
	}
	status := g.get(t, "/zip", &got)
	if status != 413 || got.MaxBytes != 700_000 || got.Size < 600_000 || got.Detail == "" || got.Fetch != "fetch.sh" {
		t.Errorf("above the limit: %d %+v", status, got)
	}
	for _, path := range []string{"/zip", "/zip/", "/zip?x=/"} {
		r := httptest.NewRequest(http.MethodGet, base+path, nil)
		r.Header.Set("X-Session-API-Key", "secret-key")
		recorder := httptest.NewRecorder()
		g.handler().ServeHTTP(recorder, r)
		if err := json.Unmarshal(recorder.Body.Bytes(), &got); err != nil || recorder.Code != 413 {
			t.Fatalf("%s = %d %s", path, recorder.Code, recorder.Body)
		}
		reference, err := r.URL.Parse(got.Fetch)
		if err != nil || reference.Path != base+"/fetch.sh" {
			t.Errorf("%s: fetch is %q, which is %v, %v, want the script", path, got.Fetch, reference, err)
		}
	}
	if g.Calls("open") != opens {
		t.Error("files were read for an archive that cannot go out")
	}
	if response, _ := g.send(t, http.MethodGet, base+"/zip"); response.Header.Get("Content-Disposition") != "" {
		t.Error("the refusal is to be saved")
	}
}

// What has begun and fails must not look whole.
func TestZipAndManifestThatFailBreakOff(t *testing.T) {
	for _, path := range []string{"/zip", "/manifest", "/fetch.sh"} {
		g := newRig()
		for i := range 3000 {
			g.Put(filestest.Object{Key: fmt.Sprintf("%s%04d", dir, i), Data: make([]byte, 1000)})
		}
		ctx, cancel := context.WithCancel(t.Context())
		calls, last := 0, map[string]int{"/manifest": 2, "/fetch.sh": 5}[path] // a script lists all names first
		g.Fault = func(_ context.Context, call, key string) error {
			if call == "list" {
				if calls++; calls == last {
					return upload.ErrUnavailable
				}
			}
			if call == "open" && strings.HasSuffix(key, "2000") {
				cancel()
			}
			return nil
		}
		inner := g.handler()
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			inner.ServeHTTP(w, r.WithContext(ctx))
		}))
		r, _ := http.NewRequest(http.MethodGet, server.URL+base+path, nil)
		r.Header.Set("X-Session-API-Key", "secret-key")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if response.StatusCode != 200 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s = %d, %d bytes, %v, want a body that breaks off", path, response.StatusCode, len(body), err)
		}
		response.Body.Close()
		server.Close()
		cancel()
	}
}

func TestManifestIsStable(t *testing.T) {
	g := newRig("b.txt", "a.txt", "é.txt")
	g.Put(filestest.Object{Key: dir + "unknown", Data: []byte("unknown")})
	_, first := g.send(t, http.MethodGet, base+"/manifest")
	var got struct {
		Conversation string
		Files        []struct{ Name, SHA256, URL string }
	}
	if err := json.Unmarshal([]byte(first), &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range got.Files {
		names = append(names, f.Name)
		if f.SHA256 != sum(f.Name) || f.URL != "memory:"+dir+f.Name {
			t.Errorf("%+v, want hash and URL", f)
		}
	}
	if diff := cmp.Diff([]string{"a.txt", "b.txt", "unknown", "é.txt"}, names); diff != "" || got.Conversation != "c" {
		t.Errorf("conversation %q, names (-want +got):\n%s", got.Conversation, diff)
	}
	if lines := strings.Split(strings.TrimSpace(first), "\n"); len(lines) != len(names)+2 {
		t.Errorf("the manifest has %d lines, want one for each file:\n%s", len(lines), first)
	}
	var empty page
	if status := newRig().get(t, "/manifest", &empty); status != 200 || empty.Files == nil || len(empty.Files) != 0 {
		t.Errorf("the manifest of nothing = %d %+v", status, empty)
	}
}

func TestScriptIsOneForShells(t *testing.T) {
	g := newRig("a.txt")
	response, body := g.send(t, http.MethodGet, base+"/fetch.sh")
	if response.Header.Get("Content-Type") != "text/x-shellscript; charset=utf-8" || !strings.HasPrefix(body, "#!/bin/sh\n") || !strings.Contains(body, sum("a.txt")) {
		t.Errorf("script = %v\n%s", response.Header, body)
	}
	if shell, err := exec.LookPath("sh"); err == nil {
		cmd := exec.CommandContext(t.Context(), shell, "-n")
		cmd.Stdin = strings.NewReader(body)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("sh -n: %v %s", err, out)
		}
	}
}

func TestOpenHandsListsAndShows(t *testing.T) {
	g := newRig("a.txt", "ü.txt")
	folders := newRig("z.txt", "src/main.py", "src/lib/a.py", "src/b/x", ".env", "-rf/x")
	for path, want := range map[string][]string{
		"/list-files": {"src/", ".env", "z.txt"}, "/list-files?path=src": {"src/b/", "src/lib/", "src/main.py"},
		"/list-files?path=/src/": {"src/b/", "src/lib/", "src/main.py"}, "/list-files?path=src/lib": {"src/lib/a.py"}, "/list-files?path=none": {},
	} {
		var got []string
		if status := folders.get(t, path, &got); status != 200 || !cmp.Equal(want, got) {
			t.Errorf("%s = %d %q, want %q", path, status, got, want)
		}
	}
	for path, want := range map[string][]string{
		"/list-files": {"a.txt", "ü.txt"}, "/list-files?path=": {"a.txt", "ü.txt"}, "/list-files?path=.": {"a.txt", "ü.txt"},
		"/list-files?path=/": {"a.txt", "ü.txt"}, "/list-files?path=src": {}, "/list-files?path=../other": {},
	} {
		var got []string
		if status := g.get(t, path, &got); status != 200 || !cmp.Equal(want, got) {
			t.Errorf("%s = %d %q, want %q", path, status, got, want)
		}
	}
	g.Put(filestest.Object{Key: dir + "text", Data: []byte("\ufeffline\r\n<&> ü \x01"), Verified: true})
	g.Put(filestest.Object{Key: dir + "empty"})
	g.Put(filestest.Object{Key: dir + "binary", Data: []byte("a\xffb")})
	g.Put(filestest.Object{Key: dir + "zero", Data: []byte("a\x00b")})
	g.Put(filestest.Object{Key: dir + "film.mp4", Data: make([]byte, 2<<20), ContentType: "video/mp4"})
	g.Put(filestest.Object{Key: dir + "long.txt", Data: bytes.Repeat([]byte("a"), 2<<20), ContentType: "text/plain"})
	for file, want := range map[string]struct {
		status int
		code   string
	}{
		"text": {200, "\ufeffline\r\n<&> ü \x01"}, "empty": {200, ""}, "a.txt": {200, "a.txt"}, "/a.txt": {200, "a.txt"}, "./a.txt": {200, "a.txt"},
		"binary": {415, ""}, "zero": {415, ""}, "film.mp4": {415, ""}, "long.txt": {413, ""},
		"missing": {404, ""}, "../c/a.txt": {404, ""}, "..": {404, ""}, "sub/a.txt": {404, ""},
	} {
		var got struct{ Code, Error, Detail string }
		status := g.get(t, "/select-file?file="+url.QueryEscape(file), &got)
		if status != want.status || got.Code != want.code {
			t.Errorf("select-file %q = %d %+v, want %d %q", file, status, got, want.status, want.code)
		}
		if status != 200 && (got.Error == "" || got.Error != got.Detail) {
			t.Errorf("select-file %q = %+v, want error and detail", file, got)
		}
	}
	var missing struct{ Detail []struct{ Type string } }
	if status := g.get(t, "/select-file", &missing); status != 422 || missing.Detail[0].Type != "missing" {
		t.Errorf("select-file without file = %d %+v", status, missing)
	}
}

// utf16 is what Notepad saves.
func utf16(text string) []byte {
	data := []byte{0xFF, 0xFE}
	for _, r := range text {
		data = append(data, byte(r), byte(r>>8))
	}
	return data
}

func TestSelectFileTellsTheEncodingOfATextOrThatItIsNotKnown(t *testing.T) {
	g := newRig("utf8.txt")
	german := strings.Repeat("Stra\xdfe;K\xf6ln;M\xfcnchen;gr\xf6\xdfere Bestellung f\xfcr das Fr\xfchjahr angek\xfcndigt\r\n", 5)
	for name, data := range map[string][]byte{
		"note.txt": utf16("hi ü\r\n"), "excel.csv": []byte(german), "short #1.txt": []byte("M\xfcller"), "picture.png": []byte("\x89PNG\r\n\x1a\n\x00\x00"),
	} {
		g.Put(filestest.Object{Key: dir + name, Data: data, ContentType: "text/plain"})
	}
	for name, want := range map[string]struct {
		status               int
		code, encoding, file string
	}{
		"utf8.txt":     {200, "utf8.txt", "utf-8", ""},
		"note.txt":     {200, "hi ü\r\n", "utf-16le", ""},
		"excel.csv":    {200, strings.Repeat("Straße;Köln;München;größere Bestellung für das Frühjahr angekündigt\r\n", 5), "windows-1252", ""},
		"short #1.txt": {415, "", "", "files/short%20%231.txt"},
		"picture.png":  {415, "", "", "files/picture.png"},
	} {
		var got struct{ Code, Encoding, Error, Detail, File string }
		status := g.get(t, "/select-file?file="+url.QueryEscape(name), &got)
		if status != want.status || got.Code != want.code || got.Encoding != want.encoding || got.File != want.file || got.Error != got.Detail {
			t.Errorf("select-file %s = %d %+v, want %+v", name, status, got, want)
		}
		if binary := got.Detail == "Unable to open a binary file."; binary != (name == "picture.png") {
			t.Errorf("select-file %s says %q", name, got.Detail)
		}
	}
	var got struct{ File string }
	g.get(t, "/select-file/?file=picture.png", &got)
	if got.File != "../files/picture.png" {
		t.Errorf("the file is at %q below a slash, want ../files/picture.png", got.File)
	}
}

// What counts is what goes out: less than the file's bytes, or more.
func TestSelectFileLimitsTheTextAsItIsSent(t *testing.T) {
	g := newRig()
	const limit = 1 << 20
	for name, data := range map[string][]byte{
		"full.txt":     bytes.Repeat([]byte("a"), limit),
		"quotes.txt":   bytes.Repeat([]byte(`"`), limit),
		"controls.txt": bytes.Repeat([]byte{1}, limit),
		"wide.txt":     utf16(strings.Repeat("a", limit)),
		"wider.txt":    utf16(strings.Repeat("日", limit/3+1)),
		"large.txt":    bytes.Repeat([]byte("a"), limit+1),
	} {
		g.Put(filestest.Object{Key: dir + name, Data: data, ContentType: "text/plain"})
	}
	for name, want := range map[string]int{"full.txt": 200, "quotes.txt": 200, "controls.txt": 413, "wide.txt": 200, "wider.txt": 413, "large.txt": 413} {
		var got struct{ Code, Error, File string }
		status := g.get(t, "/select-file?file="+name, &got)
		if status != want || (want == 413) != (got.File == "files/"+name) || (want == 413) != (got.Error != "") {
			t.Errorf("select-file %s = %d, %d bytes of text, error %q, file %q, want %d", name, status, len(got.Code), got.Error, got.File, want)
		}
	}
}

func TestFailuresOfTheStoreAreNotToldToTheClient(t *testing.T) {
	paths := map[string]string{
		"/files": "GET", "/files/a": "GET", "/zip": "GET", "/manifest": "GET", "/fetch.sh": "GET", "/list-files": "GET", "/select-file?file=a": "GET",
	}
	for fault, want := range map[error]int{
		fmt.Errorf("secret bucket: %w", upload.ErrUnavailable):        503,
		fmt.Errorf("secret bucket: %w", context.DeadlineExceeded):     503,
		errors.New("secret bucket: access denied for arn:aws:iam::1"): 500,
	} {
		for path, method := range paths {
			g := newRig("a")
			g.Fault = func(context.Context, string, string) error { return fault }
			response, body := g.send(t, method, base+path)
			if response.StatusCode != want || strings.Contains(body, "secret") {
				t.Errorf("%s = %d %s, want %d", path, response.StatusCode, body, want)
			}
			if retry := response.Header.Get("Retry-After"); (want == 503) != (retry != "") {
				t.Errorf("%s = %d with Retry-After %q", path, want, retry)
			}
			if response.Header.Get("Content-Disposition") != "" || !strings.Contains(g.log.String(), "secret bucket") {
				t.Errorf("%s: headers %v, log %s", path, response.Header, &g.log)
			}
		}
		g := newRig("a")
		g.Fault = func(context.Context, string, string) error { return fault }
		if response, body := g.send(t, http.MethodDelete, base+"/files/a"); response.StatusCode != want || strings.Contains(body, "secret") {
			t.Errorf("DELETE = %d %s, want %d", response.StatusCode, body, want)
		}
	}
}

// Nothing is asked of the store for who has no key, and no other conversation opens.
func TestEveryRouteNeedsTheKey(t *testing.T) {
	g := newRig("a")
	for _, rt := range (filesapi.API{}).Routes() {
		for _, conversation := range []string{"c", "other", "down"} {
			path := strings.NewReplacer("{id}", conversation, "{path+}", "a/b").Replace(rt.Path)
			r := httptest.NewRequest(rt.Method, path, nil)
			if conversation != "c" {
				r.Header.Set("X-Session-API-Key", "secret-key")
			}
			recorder := httptest.NewRecorder()
			openapitest.Wrap(t, g.handler()).ServeHTTP(recorder, r)
			want := http.StatusUnauthorized
			if conversation == "down" {
				want = http.StatusServiceUnavailable
			}
			if recorder.Code != want {
				t.Errorf("%s %s = %d, want %d", rt.Method, path, recorder.Code, want)
			}
		}
	}
	for _, call := range []string{"list", "head", "open", "delete", "tag"} {
		if n := g.Calls(call); n != 0 {
			t.Errorf("%d calls of %s without a key", n, call)
		}
	}
}

func TestOtherMethodsAndPreflights(t *testing.T) {
	g := newRig("a")
	for _, rt := range (filesapi.API{}).Routes() {
		path := strings.NewReplacer("{id}", "c", "{path+}", "a/b").Replace(rt.Path)
		for method, want := range map[string]int{"POST": 405, "PUT": 405, "OPTIONS": 204, "HEAD": 0} {
			response, _ := g.send(t, method, path)
			if want != 0 && response.StatusCode != want {
				t.Errorf("%s %s = %d, want %d", method, path, response.StatusCode, want)
			}
		}
	}
}
