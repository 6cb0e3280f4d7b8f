package uploadapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/direct/directtest"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/openapi/openapitest"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/uploadapi"
)

const s3Path = "/api/conversations/c/s3/"

func newDirect(store *directtest.Memory, change func(*direct.Lane)) http.Handler {
	lane := &direct.Lane{Store: store, Prefix: "conversations/", MaxSize: direct.DefaultSize}
	if change != nil {
		change(lane)
	}
	d := uploadapi.Direct{Lane: lane, Bucket: "bucket"}
	return httpapi.New(httpapi.Options{Keys: oneKey("secret-key"), Origins: []string{chat}}, d.Routes()...)
}

// ask sends a request of the lane and decodes the answer into v, which may be
// nil. Every answer must be as the API's description says.
func ask(t *testing.T, h http.Handler, method, path, body string, v any) int {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.Header.Set("X-Session-API-Key", "secret-key")
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	w := httptest.NewRecorder()
	openapitest.Wrap(t, h).ServeHTTP(w, r)
	if v != nil {
		if err := json.Unmarshal(w.Body.Bytes(), v); err != nil {
			t.Fatalf("%s %s: the body %q: %v", method, path, w.Body, err)
		}
	}
	return w.Code
}

// begun is the answer to the beginning of an upload.
type begun struct{ Key, UploadID, Bucket string }

func (b begun) path(rest string) string {
	query := "key=" + url.QueryEscape(b.Key)
	if path, more, ok := strings.Cut(rest, "?"); ok {
		rest, query = path, query+"&"+more
	}
	return s3Path + "multipart/" + b.UploadID + rest + "?" + query
}

// sendPart is what a client does with the URL of a part.
func sendPart(t *testing.T, store *directtest.Memory, url string, data string) (etag string) {
	t.Helper()
	status, etag := store.Send(t, direct.Signed{URL: url}, []byte(data))
	if status != http.StatusOK {
		t.Fatalf("the part is answered %d", status)
	}
	return `"` + etag + `"`
}

// The shapes are those that controllers/s3 of @uppy/companion answers with.
func TestDirectAnswersAsCompanionDoes(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)

	var params map[string]any
	if status := ask(t, api, "GET", s3Path+"params?filename=a+b.mp4&type=video/mp4&metadata[name]=a+b.mp4", "", &params); status != http.StatusOK {
		t.Fatalf("params: status %d: %v", status, params)
	}
	want := map[string]any{
		"method": "PUT", "url": "memory:conversations/c/a b.mp4?0", "fields": map[string]any{},
		"headers": map[string]any{}, "expires": 3600.0, "key": "conversations/c/a b.mp4",
	}
	if diff := cmp.Diff(want, params); diff != "" {
		t.Errorf("params (-want +got):\n%s", diff)
	}

	var b begun
	ask(t, api, "POST", s3Path+"multipart", `{"filename":"film.mp4","type":"video/mp4","metadata":{"name":"film.mp4","size":"8"}}`, &b)
	if b.Key != "conversations/c/film.mp4" || b.Bucket != "bucket" || b.UploadID == "" {
		t.Fatalf("multipart = %+v", b)
	}
	var one struct {
		URL     string
		Expires int
	}
	ask(t, api, "GET", b.path("/1"), "", &one)
	if one.URL == "" || one.Expires != 3600 {
		t.Errorf("a part = %+v", one)
	}
	var batch struct{ PresignedURLs map[string]string }
	ask(t, api, "GET", b.path("/batch?partNumbers=1,2"), "", &batch)
	if len(batch.PresignedURLs) != 2 || batch.PresignedURLs["2"] == "" {
		t.Errorf("batch = %+v", batch)
	}
	etag := sendPart(t, &store, batch.PresignedURLs["1"], "the film")
	var parts []any
	ask(t, api, "GET", b.path(""), "", &parts)
	if diff := cmp.Diff([]any{map[string]any{"PartNumber": 1.0, "Size": 8.0, "ETag": etag}}, parts); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	for range 2 { // completing again is answered the same
		var done map[string]any
		ask(t, api, "POST", b.path("/complete"), `{"parts":[{"ETag":`+quoted(etag)+`,"PartNumber":1}]}`, &done)
		delete(done["files"].([]any)[0].(map[string]any), "expires_at")
		want = map[string]any{
			"location": "memory:conversations/c/film.mp4", "key": "conversations/c/film.mp4", "bucket": "bucket",
			"file_urls": []any{"memory:conversations/c/film.mp4"}, "uploaded_files": []any{"film.mp4"},
			"skipped_files": []any{}, "skipped": []any{},
			"files": []any{map[string]any{
				"name": "film.mp4", "key": "conversations/c/film.mp4", "url": "memory:conversations/c/film.mp4",
				"size": 8.0, "content_type": "video/mp4", "sha256": "",
			}},
		}
		if diff := cmp.Diff(want, done); diff != "" {
			t.Errorf("complete (-want +got):\n%s", diff)
		}
	}

	ask(t, api, "POST", s3Path+"multipart", `{"filename":"b","type":""}`, &b)
	for range 2 {
		var nothing map[string]any
		if status := ask(t, api, "DELETE", b.path(""), "", &nothing); status != http.StatusOK || len(nothing) != 0 {
			t.Errorf("DELETE = %d, %v, want 200 and {}", status, nothing)
		}
	}
	if n := store.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
}

func quoted(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestDirectKeepsPaths(t *testing.T) {
	for _, test := range []struct{ filename, relative, want string }{
		{"src/main.py", "", "src/main.py"},
		{"main.py", "src/lib/main.py", "src/lib/main.py"},
		{"main.py", "null", "main.py"},
		{"renamed.py", "src/main.py", "src/renamed.py"},
		{"other/main.py", "src/main.py", "other/main.py"},
		{"main.py", "../../src/main.py", "src/main.py"},
		{".env", `project\.env`, "project/.env"},
	} {
		api := newDirect(new(directtest.Memory), nil)
		var params, sign struct{ Key string }
		query := url.Values{"filename": {test.filename}, "metadata[relativePath]": {test.relative}}
		ask(t, api, "GET", s3Path+"params?"+query.Encode(), "", &params)
		said, err := json.Marshal(map[string]any{"filename": test.filename, "metadata": map[string]any{"relativePath": test.relative}})
		if err != nil {
			t.Fatal(err)
		}
		var b begun
		ask(t, api, "POST", s3Path+"multipart", string(said), &b)
		if want := "conversations/c/" + test.want; params.Key != want || b.Key != want {
			t.Errorf("%q in %q has the keys %q and %q, want %q", test.filename, test.relative, params.Key, b.Key, want)
		}
		if ask(t, api, "POST", s3Path+"sign", fmt.Sprintf(`{"method":"PUT","key":%q}`, test.want), &sign); sign.Key != "conversations/c/"+test.want {
			t.Errorf("sign of %q has the key %q", test.want, sign.Key)
		}
	}
	api := newDirect(new(directtest.Memory), nil)
	var b begun
	ask(t, api, "POST", s3Path+"multipart", `{"filename":"a.txt","metadata":{"relativePath":null}}`, &b)
	if b.Key != "conversations/c/a.txt" {
		t.Errorf("without a relative path the key is %q", b.Key)
	}
}

func TestTheReceiptOfAnUploadInPartsHasItsPath(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)
	var b begun
	ask(t, api, "POST", s3Path+"multipart", `{"filename":"films/2026/film.mp4"}`, &b)
	var one struct{ URL string }
	ask(t, api, "GET", b.path("/1"), "", &one)
	etag := sendPart(t, &store, one.URL, "film")
	var done struct {
		UploadedFiles []string `json:"uploaded_files"`
		Files         []struct{ Name, Key string }
	}
	ask(t, api, "POST", b.path("/complete"), fmt.Sprintf(`{"parts":[{"PartNumber":1,"ETag":%q}]}`, etag), &done)
	if len(done.Files) != 1 || done.Files[0].Name != "films/2026/film.mp4" || done.Files[0].Key != b.Key || done.UploadedFiles[0] != "films/2026/film.mp4" {
		t.Errorf("the receipt = %+v", done)
	}
}

func TestDirectRefusalsSayWhy(t *testing.T) {
	var store directtest.Memory
	rules, err := mediatype.ParseRules("video/*,text/plain", ".mp4,.txt,.html")
	if err != nil {
		t.Fatal(err)
	}
	api := newDirect(&store, func(l *direct.Lane) { l.MaxSize, l.Rules = 10, rules })
	var b begun
	ask(t, api, "POST", s3Path+"multipart", `{"filename":"a.mp4","type":"video/mp4"}`, &b)
	const sha = "zz"
	large := `{"parts":[],"x":"` + strings.Repeat("x", 1<<20) + `"}`
	tests := []struct {
		method, path, body string
		status             int
		code               string
	}{
		{"GET", s3Path + "params?filename=&size=1", "", 400, "empty_name"},
		{"GET", s3Path + "params", "", 400, "size_required"},
		{"GET", s3Path + "params?filename=a.mp4", "", 400, "size_required"},
		{"GET", s3Path + "params?filename=a.mp4&size=11", "", 413, "too_large"},
		{"GET", s3Path + "params?filename=a.mp4&metadata[size]=11", "", 413, "too_large"},
		{"GET", s3Path + "params?filename=a.mp4&size=6000000000", "", 413, "too_large"},
		{"GET", s3Path + "params?filename=a.mp4&size=-1", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1e3", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&size=2", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&filename=b.mp4&size=1", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&metadata[size]=one", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=11&metadata[size]=1", "", 413, "too_large"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&sha256=" + sha, "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=3610a68", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=0x10a686", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=3610a686&crc32=3610a686", "", 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&metadata[crc32]=x", "", 400, "bad_request"},
		{"POST", s3Path + "multipart", `{"filename":"a.mp4","size":1,"crc32":"NhCmhg=="}`, 400, "bad_request"},
		{"POST", s3Path + "sign", `{"method":"PUT","key":"a.mp4","size":1,"crc32":"3610A68"}`, 400, "bad_request"},
		{"GET", s3Path + "params?filename=a.exe&size=1&type=video/mp4", "", 415, "extension_not_allowed"},
		{"GET", s3Path + "params?filename=a.html&size=1&type=video/mp4", "", 415, "type_not_allowed"},
		{"POST", s3Path + "multipart", `{"filename":"a.mp4","metadata":{"size":11}}`, 413, "too_large"},
		{"POST", s3Path + "multipart", `{"filename":"a.mp4","size":"11"}`, 413, "too_large"},
		{"POST", s3Path + "multipart", `{"filename":"a.mp4","size":11.0}`, 413, "too_large"},
		{"POST", s3Path + "multipart", `{"filename":"a.mp4","size":1.5}`, 400, "bad_request"},
		{"POST", s3Path + "multipart", `{"type":"video/mp4"}`, 400, "empty_name"},
		{"POST", s3Path + "multipart", `{"filename":7}`, 400, "bad_request"},
		{"POST", s3Path + "multipart", `{`, 400, "bad_request"},
		{"POST", s3Path + "multipart", ``, 400, "bad_request"},
		{"POST", s3Path + "multipart", large, 413, "body_too_large"},
		{"GET", s3Path + "multipart/" + b.UploadID, "", 400, "bad_request"},
		{"GET", s3Path + "multipart/" + b.UploadID + "?key=%zz", "", 400, "bad_request"},
		{"GET", b.path("/0"), "", 400, "wrong_parts"},
		{"GET", b.path("/10001"), "", 400, "wrong_parts"},
		{"GET", b.path("/one"), "", 400, "bad_request"},
		{"GET", b.path("/complete"), "", 405, ""},
		{"GET", b.path("/1?size=11"), "", 413, "too_large"},
		{"GET", b.path("/1?size=0"), "", 400, "wrong_parts"},
		{"GET", b.path("/batch?partNumbers=1&size=0"), "", 400, "wrong_parts"},
		{"POST", s3Path + "sign", `{"method":"PUT","key":"` + b.Key + `","uploadId":"` + b.UploadID + `","partNumber":1,"size":0}`, 400, "wrong_parts"},
		{"GET", b.path("/batch"), "", 400, "bad_request"},
		{"GET", b.path("/batch?partNumbers=1,,2"), "", 400, "bad_request"},
		{"GET", b.path("/batch?partNumbers=" + strings.Repeat("1,", 1000) + "1"), "", 400, "bad_request"},
		{"POST", b.path("/complete"), `{"parts":[]}`, 400, "wrong_parts"},
		{"POST", b.path("/complete"), `{"parts":"all"}`, 400, "bad_request"},
		{"POST", b.path("/complete"), `{"parts":[{"PartNumber":1,"ETag":"x"}]}`, 400, "wrong_parts"},
		{"POST", s3Path + "sign", `{"method":"DELETE","key":"` + b.Key + `"}`, 400, "bad_request"},
		{"POST", s3Path + "sign", `{"method":"HEAD","key":"` + b.Key + `","uploadId":"` + b.UploadID + `"}`, 400, "bad_request"},
		{"POST", s3Path + "sign", `{"method":"GET","key":"conversations/d/a","uploadId":"x"}`, 404, "no_such_upload"},
	}
	for _, test := range tests {
		var got struct{ Detail, Message, Code string }
		status := ask(t, api, test.method, test.path, test.body, &got)
		if status != test.status || got.Code != test.code || got.Detail == "" || got.Message != got.Detail {
			t.Errorf("%s %.120s %.80s is answered %d %+v, want %d %s", test.method, test.path, test.body, status, got, test.status, test.code)
		}
	}
	if n := store.Uploads(); n != 1 || len(store.Objects()) != 0 {
		t.Errorf("%d uploads and %d objects, want the first upload alone", n, len(store.Objects()))
	}
}

func TestTenThousandPartsFitIntoOneRequest(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)
	var b begun
	ask(t, api, "POST", s3Path+"multipart", `{"filename":"a"}`, &b)
	parts := make([]string, direct.MaxParts)
	for i := range parts {
		parts[i] = fmt.Sprintf(`{"PartNumber":%d,"ETag":%q}`, i+1, `"`+strings.Repeat("f", 32)+`"`)
	}
	var got struct{ Code string }
	ask(t, api, "POST", b.path("/complete"), `{"parts":[`+strings.Join(parts, ",")+`]}`, &got)
	if got.Code != "wrong_parts" { // and not body_too_large
		t.Errorf("code = %q, want wrong_parts: none has been uploaded", got.Code)
	}
}

// T13: without the key nothing of a request is looked at.
func TestDirectWithoutTheKeyCallsNothing(t *testing.T) {
	calls := 0
	store := &directtest.Memory{}
	store.Fault = func(context.Context, string, string) (bool, error) { calls++; return false, nil }
	api := newDirect(store, nil)
	for _, path := range []string{
		"GET /params?filename=a", "POST /sign", "POST /multipart", "GET /multipart/u?key=k", "DELETE /multipart/u?key=k",
		"GET /multipart/u/1?key=k", "GET /multipart/u/batch?key=k&partNumbers=1", "POST /multipart/u/complete?key=k",
	} {
		method, path, _ := strings.Cut(path, " /")
		for _, key := range []string{"", "wrong"} {
			r := httptest.NewRequest(method, s3Path+path, strings.NewReader(`{}`))
			if key != "" {
				r.Header.Set("X-Session-API-Key", key)
			}
			w := httptest.NewRecorder()
			openapitest.Wrap(t, api).ServeHTTP(w, r)
			if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), `"message":"Unauthorized"`) {
				t.Errorf("%s %s with key %q is answered %d %s", method, path, key, w.Code, w.Body)
			}
		}
	}
	if calls != 0 {
		t.Errorf("the store was called %d times", calls)
	}
}

func TestDirectIsUnavailableWithItsStore(t *testing.T) {
	store := &directtest.Memory{}
	store.Fault = func(context.Context, string, string) (bool, error) {
		return false, fmt.Errorf("%w: %w", upload.ErrUnavailable, errors.New("s3://bucket hangs"))
	}
	api := newDirect(store, nil)
	u := begun{Key: "conversations/c/a", UploadID: "0123456789abcdef.u"}
	for path, body := range map[string]string{
		"GET " + s3Path + "params?filename=a":   "",
		"POST " + s3Path + "multipart":          `{"filename":"a"}`,
		"GET " + u.path(""):                     "",
		"DELETE " + u.path(""):                  "",
		"GET " + u.path("/1"):                   "",
		"POST " + u.path("/complete"):           `{"parts":[{"PartNumber":1,"ETag":"x"}]}`,
		"POST " + s3Path + "sign":               `{"method":"PUT","key":"a"}`,
		"GET " + u.path("/batch?partNumbers=1"): "",
	} {
		method, path, _ := strings.Cut(path, " ")
		var got struct{ Detail, Message string }
		status := ask(t, api, method, path, body, &got)
		if status != http.StatusServiceUnavailable || got.Message == "" || strings.Contains(got.Message, "s3:") {
			t.Errorf("%s %s is answered %d %+v, want 503 without the cause", method, path, status, got)
		}
	}
}

// The alarms count what the store fails at, and not what a client does wrong.
func TestDirectCountsFailuresOfItsStore(t *testing.T) {
	down := fmt.Errorf("%w: %w", upload.ErrUnavailable, errors.New("down"))
	body := func(text string) io.Reader { return strings.NewReader(text) }
	for name, test := range map[string]struct {
		call   string // to the store, that fails
		err    error
		method string
		path   string // below that of an upload
		body   io.Reader
		status int
		want   bool
	}{
		"all is well":         {"", nil, "GET", "", nil, 200, false},
		"an outage":           {"parts", down, "GET", "", nil, 503, true},
		"an error of ours":    {"parts", errors.New("access denied"), "GET", "", nil, 500, true},
		"the tag":             {"tag", down, "POST", "/complete", body(`{"parts":[{"PartNumber":1,"ETag":"9dd4e461268c8034f5c8564e155c67a6"}]}`), 200, true},
		"a refusal":           {"", nil, "POST", "/complete", body(`{"parts":[]}`), 400, false},
		"no such upload":      {"parts", direct.ErrNoUpload, "GET", "", nil, 404, false},
		"too large":           {"", nil, "POST", "/complete", body(`{"parts":[{"PartNumber":1,"ETag":"9dd4e461268c8034f5c8564e155c67a6"}]}`), 413, false},
		"too large, and kept": {"abort", down, "POST", "/complete", body(`{"parts":[{"PartNumber":1,"ETag":"9dd4e461268c8034f5c8564e155c67a6"}]}`), 413, true},
		"no JSON":             {"", nil, "POST", "/complete", body(`{`), 400, false},
		"wrong base64":        {"", nil, "POST", "/complete", iotest.ErrReader(lambdahttp.ErrBase64), 400, false},
	} {
		var store directtest.Memory
		lane := &direct.Lane{Store: &store, Prefix: "conversations/", MaxSize: direct.DefaultSize, Required: upload.Tag{Key: "scan", Value: "clean"}}
		var got httpapi.Summary
		api := httpapi.New(httpapi.Options{Keys: oneKey("secret-key"), Metrics: func(s httpapi.Summary) []slog.Attr {
			got = s
			return nil
		}}, uploadapi.Direct{Lane: lane, Bucket: "bucket"}.Routes()...)
		var b begun
		ask(t, api, "POST", s3Path+"multipart", `{"filename":"a"}`, &b)
		var part struct{ URL string }
		ask(t, api, "GET", b.path("/1"), "", &part)
		sendPart(t, &store, part.URL, "x")
		if test.status == http.StatusRequestEntityTooLarge {
			lane.MaxSize = 0
		}
		store.Fault = func(_ context.Context, call, _ string) (bool, error) {
			if call == test.call {
				return false, test.err
			}
			return false, nil
		}
		r := httptest.NewRequest(test.method, b.path(test.path), test.body)
		r.Header.Set("X-Session-API-Key", "secret-key")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != test.status || got.StoreFailed != test.want {
			t.Errorf("%s is answered %d %s, and counted: %t, want %d and %t", name, w.Code, w.Body, got.StoreFailed, test.status, test.want)
		}
	}
}

// A client that speaks to S3 itself has each of its requests signed.
func TestSignSignsWhatIsTheConversationsOwn(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)
	var put, begin struct {
		URL, Key string
		Headers  map[string]string
	}
	ask(t, api, "POST", s3Path+"sign", `{"method":"PUT","key":"x/8f1-film.mp4","contentType":"video/mp4","size":4}`, &put)
	if put.Key != "conversations/c/x/8f1-film.mp4" || put.URL == "" || put.Headers == nil {
		t.Errorf("PUT = %+v", put)
	}
	if status, _ := store.Send(t, direct.Signed{URL: put.URL}, []byte("film")); status != http.StatusOK {
		t.Errorf("the PUT is answered %d", status)
	}
	ask(t, api, "POST", s3Path+"sign", `{"method":"POST","key":"film.mp4"}`, &begin)
	if begin.Key != "conversations/c/film.mp4" || begin.URL == "" {
		t.Errorf("POST = %+v", begin)
	}
	id, err := store.Begin(t.Context(), direct.Object{Key: begin.Key}) // as the client does with that URL
	if err != nil {
		t.Fatal(err)
	}
	wish := func(method, more string) (got struct{ URL, Key, Code string }) {
		t.Helper()
		ask(t, api, "POST", s3Path+"sign", fmt.Sprintf(`{"method":%q,"key":%q,"uploadId":%q%s}`, method, begin.Key, id, more), &got)
		return got
	}
	if got := wish("POST", ""); got.Code != "wrong_parts" {
		t.Errorf("completing nothing = %+v", got)
	}
	if got := wish("PUT", ""); got.Code != "wrong_parts" {
		t.Errorf("a part without a number = %+v", got)
	}
	sendPart(t, &store, wish("PUT", `,"partNumber":1`).URL, "film")
	for _, method := range []string{"GET", "POST", "DELETE"} {
		if got := wish(method, ""); got.URL == "" || got.Key != begin.Key {
			t.Errorf("%s = %+v", method, got)
		}
	}
}

func TestPreflightOfTheDirectLane(t *testing.T) {
	api := newDirect(&directtest.Memory{}, nil)
	for path, want := range map[string]string{
		"params":               "GET, HEAD, OPTIONS",
		"sign":                 "POST, OPTIONS",
		"multipart":            "POST, OPTIONS",
		"multipart/u":          "GET, HEAD, DELETE, OPTIONS",
		"multipart/u/1":        "GET, HEAD, OPTIONS",
		"multipart/u/batch":    "GET, HEAD, OPTIONS",
		"multipart/u/complete": "POST, OPTIONS",
	} {
		r := preflight(chat)
		r.URL.Path = s3Path + path
		w := httptest.NewRecorder()
		openapitest.Wrap(t, api).ServeHTTP(w, r)
		if got := w.Header().Get("Access-Control-Allow-Methods"); w.Code != http.StatusNoContent || got != want {
			t.Errorf("%s: status %d, methods %q, want %q", path, w.Code, got, want)
		}
	}
}

// The references are relative to the URL of the request, and a slash at its end
// makes a difference there (RFC 3986, section 5.2.3), though not to the route.
func TestTooLargeNamesTheDirectLane(t *testing.T) {
	var store directtest.Memory
	lane := uploadapi.Direct{Lane: &direct.Lane{Store: &store, MaxSize: 77}}
	api := newAPI(&store.Memory, func(o *options) {
		o.Direct = lane.From()
	})
	for requested, want := range map[string]map[string]any{
		path:       {"params": "s3/params", "multipart": "s3/multipart", "max_file_size": 77.0},
		path + "/": {"params": "../s3/params", "multipart": "../s3/multipart", "max_file_size": 77.0},
	} {
		r := post(t, requested, "a", strings.Repeat("x", maxBody))
		response, body := send(t, api, r)
		if diff := cmp.Diff(want, body["direct"]); response.StatusCode != http.StatusRequestEntityTooLarge || diff != "" {
			t.Errorf("%s: status %d, direct (-want +got):\n%s", requested, response.StatusCode, diff)
			continue
		}
		for name, route := range map[string]string{"params": s3Path + "params", "multipart": s3Path + "multipart"} {
			reference, err := r.URL.Parse(body["direct"].(map[string]any)[name].(string))
			if err != nil || reference.Path != route {
				t.Errorf("%s: %s leads to %v, %v, want %s", requested, name, reference, err, route)
			}
		}
	}
}

func TestAFileThatIsThereIsNamed(t *testing.T) {
	var store directtest.Memory
	store.Tags = map[string]map[string]string{"conversations/c/a b.txt": {"scan": "clean"}}
	api := newDirect(&store, nil)
	const data = "data"
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte(data)))
	query := "filename=a+b.txt&size=4&sha256=" + sum
	body := fmt.Sprintf(`{"filename":"a b.txt","size":4,"sha256":"%s"}`, sum)
	wish := fmt.Sprintf(`{"method":"PUT","key":"a b.txt","size":4,"sha256":"%s"}`, sum)
	type answer struct {
		URL    string
		Stored map[string]any
	}
	var first answer
	ask(t, api, "GET", s3Path+"params?"+query, "", &first)
	if first.Stored != nil {
		t.Errorf("of a first upload stored is %v", first.Stored)
	}
	if status, _ := store.Send(t, direct.Signed{URL: first.URL}, []byte(data)); status != http.StatusOK {
		t.Fatalf("the file is answered %d", status)
	}
	for _, test := range []struct{ method, path, body string }{
		{"GET", "params?" + query, ""}, {"POST", "multipart", body}, {"POST", "sign", wish},
	} {
		var got answer
		ask(t, api, test.method, s3Path+test.path, test.body, &got)
		if got.Stored["name"] != "a b.txt" || got.Stored["sha256"] != sum || got.Stored["size"] != 4.0 || got.Stored["url"] == "" {
			t.Errorf("%s: stored = %v, want the file", test.path, got.Stored)
		}
	}
	// Where a tag is required, its state is told as everywhere.
	pending := newDirect(&store, func(l *direct.Lane) { l.Required = upload.Tag{Key: "scan", Value: "other"} })
	var got answer
	ask(t, pending, "GET", s3Path+"params?"+query, "", &got)
	if got.Stored["url"] != "" || got.Stored["status"] != "blocked" {
		t.Errorf("stored = %v, want it blocked and without its url", got.Stored)
	}
}

// A form writes quotation marks and line ends as browsers and curl do; the direct
// lane gets them as they are, or as its client has them from such a form.
func TestAFileHasOneNameInBothLanes(t *testing.T) {
	escape := strings.NewReplacer(`"`, "%22", "\r", "%0D", "\n", "%0A")
	for _, name := range []string{
		`He said "hi".txt`, "line\r\nend.txt", "50%22.txt", "100% \"sure\".txt", "a%0Ab.txt", "a%2Fb.txt", `"`, "%\n22.txt", "report.pdf",
	} {
		body := "--b\r\nContent-Disposition: form-data; name=\"files\"; filename=\"" + escape.Replace(name) + "\"\r\n\r\nx\r\n--b--\r\n"
		r := httptest.NewRequest(http.MethodPost, "/api/conversations/c/upload-files", strings.NewReader(body))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=b")
		r.Header.Set("X-Session-API-Key", "secret-key")
		_, answer := send(t, newAPI(new(directtest.Memory), nil), r)
		inForm, _ := answer["uploaded_files"].([]any)
		if len(inForm) != 1 {
			t.Fatalf("upload of %q = %v, want one file", name, answer)
		}
		for _, sent := range []string{name, escape.Replace(name)} {
			var params struct{ Key string }
			ask(t, newDirect(new(directtest.Memory), nil), "GET", s3Path+"params?filename="+url.QueryEscape(sent), "", &params)
			if want := "conversations/c/" + inForm[0].(string); params.Key != want {
				t.Errorf("params for %q = %q, want %q as in the form", sent, params.Key, want)
			}
		}
	}
}

// A client that knows the CRC-32 of its file makes it part of the object.
func TestTheCRC32OfAFileIsSigned(t *testing.T) {
	for _, tt := range []struct{ method, path, body, want string }{
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=3610A686", "", "3610a686"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&metadata[crc32]=00000000", "", "00000000"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=00000001&metadata[crc32]=00000002", "", "00000001"},
		{"GET", s3Path + "params?filename=a.mp4&size=1&crc32=", "", ""},
		{"POST", s3Path + "sign", `{"method":"PUT","key":"a.mp4","size":1,"crc32":"3610a686"}`, "3610a686"},
		{"POST", s3Path + "sign", `{"method":"POST","key":"a.mp4","size":1,"crc32":"3610a686"}`, "3610a686"},
		{"POST", s3Path + "sign", `{"method":"PUT","key":"a.mp4","size":1,"crc32":null}`, ""},
	} {
		var store directtest.Memory
		var got struct{ Headers map[string]string }
		if status := ask(t, newDirect(&store, nil), tt.method, tt.path, tt.body, &got); status != http.StatusOK {
			t.Errorf("%s %s %s: status %d", tt.method, tt.path, tt.body, status)
		}
		if got := got.Headers["X-Amz-Meta-Crc32"]; got != tt.want {
			t.Errorf("%s %s %s: X-Amz-Meta-Crc32 = %q, want %q", tt.method, tt.path, tt.body, got, tt.want)
		}
	}
}
