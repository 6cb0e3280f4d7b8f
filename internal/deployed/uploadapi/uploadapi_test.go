package uploadapi_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/openapi/openapitest"
	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
	"uploadfiles/internal/deployed/uploadapi"
)

const path = "/api/conversations/c/upload-files"

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

// maxBody is the most bytes of a request's body, which Lambda's 6 MB bound.
const maxBody = 6 << 20

// options are all that an API with the uploads can be made from.
type options struct {
	httpapi.Options
	uploadapi.UploadFiles
}

func newAPI(store upload.Store, change func(*options)) http.Handler {
	o := options{
		httpapi.Options{Keys: oneKey("secret-key")},
		uploadapi.UploadFiles{Uploads: &upload.Uploader{Store: store, Prefix: "conversations/"}},
	}
	if change != nil {
		change(&o)
	}
	return httpapi.New(o.Options, o.Route(), httpapi.Description())
}

// form is a multipart body: pairs of file name and content.
func form(t *testing.T, files ...string) (contentType string, body []byte) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		part, err := w.CreateFormFile("files", files[i])
		if err == nil {
			_, err = io.WriteString(part, files[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return w.FormDataContentType(), b.Bytes()
}

func post(t *testing.T, path string, files ...string) *http.Request {
	t.Helper()
	contentType, body := form(t, files...)
	r := httptest.NewRequest(http.MethodPost, path, bytes.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Session-API-Key", "secret-key")
	return r
}

// send returns the answer and its decoded body, which must be JSON if there is
// one. Every answer must be as the API's description says.
func send(t *testing.T, h http.Handler, r *http.Request) (*http.Response, map[string]any) {
	t.Helper()
	recorder := httptest.NewRecorder()
	openapitest.Wrap(t, h).ServeHTTP(recorder, r)
	response := recorder.Result()
	if recorder.Body.Len() == 0 {
		return response, nil
	}
	if got := response.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("Content-Type = %q, want application/json", got)
	}
	var body map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("the body %q is no JSON object: %v", recorder.Body, err)
	}
	return response, body
}

func TestUploadAnswersAsTheContractSays(t *testing.T) {
	var store storetest.Memory
	response, body := send(t, newAPI(&store, nil), post(t, path, "a.txt", "hello", "", "", "b.txt", ""))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("status = %d, body %v", response.StatusCode, body)
	}
	files := body["files"].([]any)
	for _, f := range files {
		if f.(map[string]any)["expires_at"] == "" {
			t.Error("expires_at is empty")
		}
		delete(f.(map[string]any), "expires_at")
	}
	want := map[string]any{
		"file_urls":      []any{"memory:conversations/c/a.txt", "memory:conversations/c/b.txt"},
		"skipped_files":  []any{""},
		"uploaded_files": []any{"a.txt", "b.txt"},
		"files": []any{
			map[string]any{
				"name": "a.txt", "key": "conversations/c/a.txt", "url": "memory:conversations/c/a.txt", "size": 5.0,
				"content_type": "text/plain; charset=utf-8",
				"sha256":       "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
			},
			map[string]any{
				"name": "b.txt", "key": "conversations/c/b.txt", "url": "memory:conversations/c/b.txt", "size": 0.0,
				"content_type": "text/plain; charset=utf-8",
				"sha256":       "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
			},
		},
		"skipped": []any{map[string]any{"name": "", "code": "empty_name", "reason": "No file was chosen."}},
	}
	if diff := cmp.Diff(want, body); diff != "" {
		t.Errorf("body (-want +got):\n%s", diff)
	}
}

func TestPathsAreKept(t *testing.T) {
	var store storetest.Memory
	h := newAPI(&store, nil)
	_, body := send(t, h, raw(t, `form-data; name="files"; filename="src/main.py"`, `form-data; name="files"; filename=".github\workflows\ci.yml"`))
	if diff := cmp.Diff([]any{"src/main.py", ".github/workflows/ci.yml"}, body["uploaded_files"]); diff != "" {
		t.Errorf("uploaded_files (-want +got):\n%s", diff)
	}
	file := body["files"].([]any)[0].(map[string]any)
	if file["name"] != "src/main.py" || file["key"] != "conversations/c/src/main.py" || file["url"] != "memory:conversations/c/src/main.py" {
		t.Errorf("the first file = %v", file)
	}
}

// Uppy's forms have one file each, and beside it a field that says where it lies.
func TestRelativePathOfAFormIsHonoured(t *testing.T) {
	for _, test := range []struct{ relative, filename, want string }{
		{"photos/2026/a.txt", "a.txt", "photos/2026/a.txt"},
		{"null", "a.txt", "a.txt"},
		{"", "a.txt", "a.txt"},
		{"../../etc/a.txt", "a.txt", "etc/a.txt"},
		{"photos/a.txt", "renamed.txt", "photos/renamed.txt"},
		{"photos/a.txt", "other/a.txt", "other/a.txt"},
	} {
		var store storetest.Memory
		disposition := fmt.Sprintf(`form-data; name="files"; filename="%s"`, test.filename)
		_, body := send(t, newAPI(&store, nil), raw(t, `form-data; name="relativePath"`+"\r\n\r\n"+test.relative, disposition))
		if got := body["uploaded_files"].([]any)[0]; got != test.want {
			t.Errorf("%q with the relative path %q is %q, want %q", test.filename, test.relative, got, test.want)
		}
	}
}

// raw is a form whose parts have these dispositions, and a content unless they
// have one.
func raw(t *testing.T, dispositions ...string) *http.Request {
	t.Helper()
	var b strings.Builder
	for i, d := range dispositions {
		if !strings.Contains(d, "\r\n\r\n") {
			d += fmt.Sprintf("\r\n\r\ncontent %d", i)
		}
		b.WriteString("--B\r\nContent-Disposition: " + d + "\r\n")
	}
	b.WriteString("--B--\r\n")
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(b.String()))
	r.Header.Set("Content-Type", "multipart/form-data; boundary=B")
	r.Header.Set("X-Session-API-Key", "secret-key")
	return r
}

func TestURLsOfPendingFilesAreNotHandedOut(t *testing.T) {
	store := storetest.Memory{Tags: map[string]map[string]string{
		"conversations/c/clean.txt":    {"scan": "clean"},
		"conversations/c/infected.txt": {"scan": "infected"},
	}}
	uploads := &upload.Uploader{Store: &store, Prefix: "conversations/", Required: upload.Tag{Key: "scan", Value: "clean"}}
	api := newAPI(&store, func(o *options) { o.Uploads = uploads })
	_, body := send(t, api, post(t, path, "new.txt", "1", "clean.txt", "2", "infected.txt", "3"))
	if diff := cmp.Diff([]any{"memory:conversations/c/clean.txt"}, body["file_urls"]); diff != "" {
		t.Errorf("file_urls (-want +got):\n%s", diff)
	}
	for i, want := range []struct{ url, status any }{{"", "pending"}, {"memory:conversations/c/clean.txt", nil}, {"", "blocked"}} {
		f := body["files"].([]any)[i].(map[string]any)
		if f["url"] != want.url || f["status"] != want.status {
			t.Errorf("file %d has url %v and status %v, want %v", i, f["url"], f["status"], want)
		}
	}
}

// The description holds for the default. Objects are for clients of OpenHands
// that read those.
func TestUploadSaysSkippedFilesAsObjects(t *testing.T) {
	api := newAPI(&storetest.Memory{}, func(o *options) { o.SkipObjects = true })
	recorder := httptest.NewRecorder()
	api.ServeHTTP(recorder, post(t, path, "", "", "b.txt", ""))
	var body map[string]any
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatal(err)
	}
	want := []any{map[string]any{"name": "", "reason": "No file was chosen."}}
	if diff := cmp.Diff(want, body["skipped_files"]); diff != "" {
		t.Errorf("skipped_files (-want +got):\n%s", diff)
	}
}

func TestErrorsAreJSON(t *testing.T) {
	missing := []any{map[string]any{"type": "missing", "loc": []any{"body", "files"}, "msg": "Field required", "input": nil}}
	tests := []struct {
		name       string
		method     string
		path       string
		change     func(*http.Request)
		status     int
		detail     any
		allow      string
		retryAfter string
	}{
		{name: "unknown path", method: "POST", path: "/api/conversations/c/upload", status: 404, detail: "Not Found"},
		{name: "root", method: "GET", path: "/", status: 404, detail: "Not Found"},
		{name: "empty conversation", method: "POST", path: "/api/conversations//upload-files", status: 404, detail: "Not Found"},
		{name: "slash in the conversation", method: "POST", path: "/api/conversations/a%2Fb/upload-files", status: 404, detail: "Not Found"},
		{name: "GET", method: "GET", path: path, status: 405, detail: "Method Not Allowed", allow: "POST, OPTIONS"},
		{name: "PUT", method: "PUT", path: path + "/", status: 405, detail: "Method Not Allowed", allow: "POST, OPTIONS"},
		{name: "no key", method: "POST", path: path, status: 401, detail: "Unauthorized",
			change: func(r *http.Request) { r.Header.Del("X-Session-API-Key") }},
		{name: "empty key", method: "POST", path: path, status: 401, detail: "Unauthorized",
			change: func(r *http.Request) { r.Header.Set("X-Session-API-Key", "") }},
		{name: "wrong key", method: "POST", path: path, status: 401, detail: "Unauthorized",
			change: func(r *http.Request) { r.Header.Set("X-Session-API-Key", "secret-kez") }},
		{name: "two keys", method: "POST", path: path, status: 401, detail: "Unauthorized",
			change: func(r *http.Request) { r.Header.Add("X-Session-API-Key", "secret-key") }},
		{name: "key in a cookie", method: "POST", path: path, status: 401, detail: "Unauthorized",
			change: func(r *http.Request) {
				r.Header.Del("X-Session-API-Key")
				r.AddCookie(&http.Cookie{Name: "X-Session-API-Key", Value: "secret-key"})
			}},
		{name: "key of another conversation", method: "POST", path: "/api/conversations/d/upload-files", status: 401, detail: "Unauthorized"},
		{name: "secret store down", method: "POST", path: "/api/conversations/down/upload-files", status: 503,
			detail: "The session key cannot be checked right now. Try again.", retryAfter: "5"},
		{name: "long conversation", method: "POST", path: "/api/conversations/" + strings.Repeat("a", 101) + "/upload-files",
			status: 400, detail: "Conversation ID is too long"},
		{name: "dots", method: "POST", path: "/api/conversations/%2e%2e/upload-files", status: 400,
			detail: "Conversation ID contains invalid path characters"},
		{name: "backslash", method: "POST", path: "/api/conversations/a%5Cb/upload-files", status: 400,
			detail: "Conversation ID contains invalid path characters"},
		{name: "NUL", method: "POST", path: "/api/conversations/a%00b/upload-files", status: 400,
			detail: "Conversation ID contains invalid characters"},
		{name: "newline", method: "POST", path: "/api/conversations/a%0Ab/upload-files", status: 400,
			detail: "Conversation ID contains control characters"},
		{name: "percent sign", method: "POST", path: "/api/conversations/a%25b/upload-files", status: 400,
			detail: "Conversation ID contains invalid characters"},
		{name: "no form", method: "POST", path: path, status: 422, detail: missing,
			change: func(r *http.Request) { r.Header.Set("Content-Type", "application/json") }},
		{name: "no content type", method: "POST", path: path, status: 422, detail: missing,
			change: func(r *http.Request) { r.Header.Del("Content-Type") }},
		{name: "another type of parts", method: "POST", path: path, status: 415,
			detail: "The request is not multipart/form-data. Send the files in a form of that type, each in a part named files.",
			change: func(r *http.Request) { r.Header.Set("Content-Type", "multipart/mixed; boundary=x") }},
		{name: "no boundary", method: "POST", path: path, status: 400, detail: "Missing boundary in multipart.",
			change: func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data") }},
		{name: "another boundary", method: "POST", path: path, status: 400, detail: "There was an error parsing the body",
			change: func(r *http.Request) { r.Header.Set("Content-Type", "multipart/form-data; boundary=x") }},
		{name: "no body", method: "POST", path: path, status: 422, detail: missing,
			change: func(r *http.Request) { r.Body = http.NoBody }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var store storetest.Memory
			r := post(t, test.path, "a.txt", "hello")
			r.Method = test.method
			if test.change != nil {
				test.change(r)
			}
			response, body := send(t, newAPI(&store, nil), r)
			if response.StatusCode != test.status {
				t.Errorf("status = %d, want %d", response.StatusCode, test.status)
			}
			if diff := cmp.Diff(test.detail, body["detail"]); diff != "" {
				t.Errorf("detail (-want +got):\n%s", diff)
			}
			if got := response.Header.Get("Allow"); got != test.allow {
				t.Errorf("Allow = %q, want %q", got, test.allow)
			}
			if got := response.Header.Get("Retry-After"); got != test.retryAfter {
				t.Errorf("Retry-After = %q, want %q", got, test.retryAfter)
			}
			if n := len(store.Objects()); n != 0 {
				t.Errorf("%d objects are stored, want none", n)
			}
		})
	}
}

// unreadBody fails the test when a byte of it is asked for.
type unreadBody struct{ t *testing.T }

func (b unreadBody) Read([]byte) (int, error) {
	b.t.Error("the body was read")
	return 0, io.EOF
}
func (unreadBody) Close() error { return nil }

func TestBodyIsNotReadWithoutTheKey(t *testing.T) {
	for _, key := range []string{"", "wrong"} {
		r := post(t, path, "a.txt", "hello")
		r.Body = unreadBody{t}
		r.Header.Set("X-Session-API-Key", key)
		if response, _ := send(t, newAPI(&storetest.Memory{}, nil), r); response.StatusCode != http.StatusUnauthorized {
			t.Errorf("status with key %q = %d, want 401", key, response.StatusCode)
		}
	}
}

func TestBodyOverTheLimitIsRefused(t *testing.T) {
	for size, want := range map[int]int{maxBody: http.StatusBadRequest, maxBody + 1: http.StatusRequestEntityTooLarge} {
		r := post(t, path)
		r.Body = io.NopCloser(strings.NewReader(strings.Repeat("x", size)))
		r.ContentLength = int64(size)
		response, body := send(t, newAPI(&storetest.Memory{}, nil), r)
		if response.StatusCode != want {
			t.Errorf("status for %d bytes = %d, want %d", size, response.StatusCode, want)
		}
		if want == http.StatusRequestEntityTooLarge && (body["max_bytes"] != float64(maxBody) || body["size"] != float64(size)) {
			t.Errorf("the body %v states not limit and size", body)
		}
	}
}

func TestTooManyPartsAreRefused(t *testing.T) {
	var store storetest.Memory
	api := newAPI(&store, func(o *options) { o.MaxFiles = 2 })
	if response, body := send(t, api, post(t, path, "a", "1", "b", "2")); response.StatusCode != http.StatusOK {
		t.Errorf("status for 2 files = %d %v, want 200", response.StatusCode, body)
	}
	response, body := send(t, api, post(t, path, "c", "1", "d", "2", "e", "3"))
	if want := "Too many files. Maximum number of files is 2."; response.StatusCode != http.StatusBadRequest || body["detail"] != want {
		t.Errorf("3 files answer %d %v, want 400 %q", response.StatusCode, body, want)
	}
	if n := len(store.Objects()); n != 2 {
		t.Errorf("%d objects are stored, want the first 2", n)
	}
}

// Wherever a body of three files is cut, nothing of it is stored, and the client
// is told.
func TestACutBodyStoresNothing(t *testing.T) {
	contentType, body := form(t, "a.txt", "first", "b.bin", "\r\n--second\r\n", "c.txt", "")
	end := bytes.LastIndex(body, []byte("--")) + len("--")
	var store storetest.Memory
	api := newAPI(&store, nil)
	for cut := 1; cut < end; cut++ {
		r := post(t, path)
		r.Header.Set("Content-Type", contentType)
		r.Body = io.NopCloser(bytes.NewReader(body[:cut]))
		response, got := send(t, api, r)
		if response.StatusCode != http.StatusBadRequest || got["detail"] != "There was an error parsing the body" {
			t.Errorf("cut after %d of %d bytes: %d %v", cut, end, response.StatusCode, got)
		}
	}
	if n := len(store.Objects()); n != 0 {
		t.Errorf("%d objects are stored, want none", n)
	}
}

func TestTextInPlaceOfAFileIsRefused(t *testing.T) {
	body := "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"a\"\r\n\r\n1\r\n" +
		"--b\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\noops\r\n--b--\r\n"
	r := post(t, path)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Body = io.NopCloser(strings.NewReader(body))
	response, got := send(t, newAPI(&storetest.Memory{}, nil), r)
	want := []any{map[string]any{
		"type": "value_error", "loc": []any{"body", "files", 1.0}, "input": "oops",
		"msg": "Value error, Expected UploadFile, received: <class 'str'>", "ctx": map[string]any{"error": map[string]any{}},
	}}
	if diff := cmp.Diff(want, got["detail"]); response.StatusCode != http.StatusUnprocessableEntity || diff != "" {
		t.Errorf("status %d, detail (-want +got):\n%s", response.StatusCode, diff)
	}
}

// Some libraries name the field as PHP, a list or a single file has it.
func TestA422SaysWhereTheFilesAre(t *testing.T) {
	missing := []any{map[string]any{"type": "missing", "loc": []any{"body", "files"}, "msg": "Field required", "input": nil}}
	const hint = `The form has a file in the field %s, and none in the field "files". Name the field of each file "files".`
	for _, test := range []struct{ body, hint string }{
		{part(`name="files[]"; filename="a"`, "1"), fmt.Sprintf(hint, `"files[]"`)},
		{part(`name="files[0]"; filename="a"`, "1") + part(`name="files[1]"; filename="b"`, "2"), fmt.Sprintf(hint, `"files[0]"`)},
		{part(`name="note"`, "hi") + part(`name="file"; filename="a"`, "1"), fmt.Sprintf(hint, `"file"`)},
		{part(`name=""; filename="a"`, "1"), fmt.Sprintf(hint, `""`)},
		{part(`name="`+strings.Repeat("ü", 2000)+`"; filename="a"`, "1"), fmt.Sprintf(hint, `"`+strings.Repeat("ü", 100)+`"`)},
		{part(`name="note"`, "hi"), ""},
	} {
		response, got := send(t, newAPI(&storetest.Memory{}, nil), postBody(t, test.body))
		said, _ := got["hint"].(string)
		if response.StatusCode != http.StatusUnprocessableEntity || said != test.hint {
			t.Errorf("%.80q is answered %d with the hint %q, want 422 with %q", test.body, response.StatusCode, said, test.hint)
		}
		if diff := cmp.Diff(missing, got["detail"]); diff != "" {
			t.Errorf("%.80q: detail (-want +got):\n%s", test.body, diff)
		}
	}
}

// part is one part of a form with the boundary b.
func part(disposition, content string) string {
	return "--b\r\nContent-Disposition: form-data; " + disposition + "\r\n\r\n" + content + "\r\n"
}

func postBody(t *testing.T, parts string) *http.Request {
	t.Helper()
	r := post(t, path)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Body = io.NopCloser(strings.NewReader(parts + "--b--\r\n"))
	return r
}

// What Vert.x 4.5 sends for files of one field, and what it should by RFC 2388.
func TestFilesInsideOfAPartAreRefusedInWords(t *testing.T) {
	data, err := os.ReadFile("testdata/vertx.json")
	if err != nil {
		t.Fatal(err)
	}
	var vertx struct {
		ContentType string `json:"content_type"`
		Body        []byte `json:"body_base64"`
	}
	if err := json.Unmarshal(data, &vertx); err != nil {
		t.Fatal(err)
	}
	twice := vertx.Body[:bytes.Index(vertx.Body, []byte("\r\n"))+len("\r\n")]
	for name, body := range map[string][]byte{"as sent": vertx.Body, "by the RFC": bytes.TrimPrefix(vertx.Body, twice)} {
		r := post(t, path)
		r.Header.Set("Content-Type", vertx.ContentType)
		r.Body = io.NopCloser(bytes.NewReader(body))
		var store storetest.Memory
		response, got := send(t, newAPI(&store, nil), r)
		if text, _ := got["detail"].(string); response.StatusCode != http.StatusUnsupportedMediaType || !strings.Contains(text, "multipartMixed(false)") {
			t.Errorf("%s: answered %d %v, want 415 that says what to do", name, response.StatusCode, got)
		}
		if n := len(store.Objects()); n != 0 {
			t.Errorf("%s: %d objects are stored, want none", name, n)
		}
	}
}

// A header that is left over from a gateway that has undone the coding does no harm.
func TestCompressedBodiesAreRefusedInWords(t *testing.T) {
	for _, test := range []struct {
		coding     string
		compressed bool
		status     int
	}{
		{"gzip", true, http.StatusUnsupportedMediaType},
		{"GZIP, identity", true, http.StatusUnsupportedMediaType},
		{"", true, http.StatusBadRequest},
		{"Identity", true, http.StatusBadRequest},
		{"gzip", false, http.StatusOK},
		{"identity", false, http.StatusOK},
	} {
		r := post(t, path, "a.txt", "hello")
		r.Header.Set("Content-Encoding", test.coding)
		if test.compressed {
			r.Body = io.NopCloser(compress(t, r.Body))
		}
		response, body := send(t, newAPI(&storetest.Memory{}, nil), r)
		if response.StatusCode != test.status {
			t.Errorf("Content-Encoding %q, compressed %v: %d %v, want %d", test.coding, test.compressed, response.StatusCode, body, test.status)
		}
		if test.status != http.StatusUnsupportedMediaType {
			continue
		}
		if text, _ := body["detail"].(string); !strings.Contains(text, test.coding) || response.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("Content-Encoding %q: detail %q, Accept-Encoding %q", test.coding, text, response.Header.Get("Accept-Encoding"))
		}
	}
}

func compress(t *testing.T, r io.Reader) io.Reader {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := io.Copy(w, r)
	if err := errors.Join(err, w.Close()); err != nil {
		t.Fatal(err)
	}
	return &b
}

// Control characters take seven times their room in an answer within an event.
func TestTextIsNotEchoedWithoutBound(t *testing.T) {
	text := strings.Repeat("\x01", 1<<20)
	body := "--b\r\nContent-Disposition: form-data; name=\"files\"\r\n\r\n" + text + "\r\n"
	r := post(t, path)
	r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
	r.Body = io.NopCloser(strings.NewReader(body + body + "--b--\r\n"))
	recorder := httptest.NewRecorder()
	newAPI(&storetest.Memory{}, nil).ServeHTTP(recorder, r)
	if recorder.Code != http.StatusUnprocessableEntity || recorder.Body.Len() > 5<<20 {
		t.Errorf("the answer is %d with %d bytes, want 422 with at most 5 MiB", recorder.Code, recorder.Body.Len())
	}
}

// panicking is Uploads with a fault.
type panicking struct{}

func (panicking) Upload(context.Context, upload.Conversation, []upload.File) ([]upload.Outcome, error) {
	panic("content of a file")
}

func TestAPanicIsAnErrorLikeOthers(t *testing.T) {
	var log bytes.Buffer
	api := newAPI(nil, func(o *options) {
		o.Uploads = panicking{}
		o.Log = slog.New(slog.NewJSONHandler(&log, nil))
	})
	response, body := send(t, api, post(t, path, "a", "1"))
	if response.StatusCode != http.StatusInternalServerError || body["detail"] != "Internal Server Error" {
		t.Errorf("the answer is %d %v", response.StatusCode, body)
	}
	if !strings.Contains(log.String(), `"status":500`) || !strings.Contains(log.String(), "panic: string") || strings.Contains(log.String(), "content of a file") {
		t.Errorf("the log line is %s", &log)
	}
}

// What goes wrong inside is for the log, not for the client.
func TestFailuresOfTheStoreAreNotToldToTheClient(t *testing.T) {
	tests := []struct {
		err        error
		status     int
		retryAfter string
	}{
		{errors.Join(upload.ErrUnavailable, errors.New("s3://bucket timed out")), http.StatusServiceUnavailable, "5"},
		{errors.New("s3://bucket access denied for arn:aws:iam::1:role/x"), http.StatusInternalServerError, ""},
	}
	for _, test := range tests {
		var log bytes.Buffer
		store := storetest.Memory{Fault: func(context.Context, string, string) (bool, error) { return false, test.err }}
		api := newAPI(&store, func(o *options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
		response, body := send(t, api, post(t, path, "a.txt", "hello"))
		if response.StatusCode != test.status || response.Header.Get("Retry-After") != test.retryAfter {
			t.Errorf("answer to %v is %d, Retry-After %q", test.err, response.StatusCode, response.Header.Get("Retry-After"))
		}
		if text, _ := body["detail"].(string); text == "" || strings.Contains(text, "s3") || strings.Contains(text, "arn") {
			t.Errorf("detail = %q, want words without the cause", text)
		}
		if !strings.Contains(log.String(), "s3://bucket") {
			t.Errorf("the log %s names no cause", &log)
		}
	}
}

func TestEveryRequestHasOneLogLine(t *testing.T) {
	var log bytes.Buffer
	api := newAPI(&storetest.Memory{}, func(o *options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
	send(t, api, post(t, path, "a.txt", "hello", "", ""))
	var line map[string]any
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("the log %q is not one line of JSON: %v", &log, err)
	}
	for name, want := range map[string]any{
		"level": "INFO", "method": "POST", "route": "/api/conversations/{id}/upload-files",
		"conversation": "c", "status": 200.0, "files": 1.0, "skipped": 1.0, "bytes": 5.0,
	} {
		if line[name] != want {
			t.Errorf("%s = %v, want %v", name, line[name], want)
		}
	}
	if strings.Contains(log.String(), "secret-key") || strings.Contains(log.String(), "memory:") {
		t.Errorf("the log line %s holds a key or a URL", &log)
	}
}

func TestTheDescriptionNeedsNoKey(t *testing.T) {
	response, body := send(t, newAPI(&storetest.Memory{}, nil), httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	if response.StatusCode != http.StatusOK || body["openapi"] == nil {
		t.Errorf("GET /openapi.json answers %d with %d members", response.StatusCode, len(body))
	}
	response, body = send(t, newAPI(&storetest.Memory{}, nil), httptest.NewRequest(http.MethodHead, "/openapi.json", nil))
	if response.StatusCode != http.StatusOK || body != nil {
		t.Errorf("HEAD /openapi.json answers %d, body %v", response.StatusCode, body)
	}
}

// Alarms depend on metrics, whatever the log is set to.
func TestMetricsAreLoggedAtEveryLevel(t *testing.T) {
	var log bytes.Buffer
	api := newAPI(&storetest.Memory{}, func(o *options) {
		o.Log = slog.New(slog.NewJSONHandler(&log, &slog.HandlerOptions{Level: slog.LevelError}))
		o.Metrics = func(s httpapi.Summary) []slog.Attr { return []slog.Attr{slog.Int("Answered", s.Status)} }
	})
	send(t, api, post(t, path, "a", "1"))
	if !strings.Contains(log.String(), `"Answered":200`) {
		t.Errorf("the log is %q, want the metrics", &log)
	}
}

func TestTheLogNamesTheRouteOfEveryMethod(t *testing.T) {
	for _, method := range []string{http.MethodOptions, http.MethodPut} {
		var log bytes.Buffer
		api := newAPI(&storetest.Memory{}, func(o *options) { o.Log = slog.New(slog.NewJSONHandler(&log, nil)) })
		r := post(t, path)
		r.Method = method
		send(t, api, r)
		if !strings.Contains(log.String(), `"route":"/api/conversations/{id}/upload-files"`) {
			t.Errorf("%s is logged as %s", method, &log)
		}
	}
}

func TestHEADHasNoBody(t *testing.T) {
	r := post(t, path)
	r.Method = http.MethodHead
	response, body := send(t, newAPI(&storetest.Memory{}, nil), r)
	if response.StatusCode != http.StatusMethodNotAllowed || body != nil || response.Header.Get("Allow") != "POST, OPTIONS" {
		t.Errorf("HEAD answers %d, Allow %q, body %v", response.StatusCode, response.Header.Get("Allow"), body)
	}
}
