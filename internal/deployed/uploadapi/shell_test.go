package uploadapi_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/direct/directtest"
	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/openapi/openapitest"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

const (
	asTable = "text/tab-separated-values"
	asCurl  = "text/x-curl-config"
)

// askShell sends a request whose answer is for a shell.
func askShell(t *testing.T, h http.Handler, r *http.Request, accept string) (status int, contentType, body string) {
	t.Helper()
	r.Header.Set("X-Session-API-Key", "secret-key")
	r.Header.Set("Accept", "text/html;q=0.2, "+accept+";q=1")
	w := httptest.NewRecorder()
	openapitest.Wrap(t, h).ServeHTTP(w, r)
	if vary := strings.Join(w.Header().Values("Vary"), ", "); w.Code == http.StatusOK && !strings.Contains(vary, "Accept") {
		t.Errorf("%s %s: Vary = %q, want Accept in it", r.Method, r.URL, vary)
	}
	return w.Code, w.Header().Get("Content-Type"), w.Body.String()
}

func TestAnUploadIsToldAShellAsATable(t *testing.T) {
	var store storetest.Memory
	api := newAPI(&store, func(o *options) {
		o.Uploads = &upload.Uploader{Store: &store, Prefix: "conversations/", MaxFileSize: 5}
	})
	status, contentType, body := askShell(t, api, post(t, path, "a.txt", "hello", "too\tlarge.txt", "hello!"), asTable)
	sum := sha256.Sum256([]byte("hello"))
	want := "result\tsha256\tsize\tname\tdetail\n" +
		"stored\t" + hex.EncodeToString(sum[:]) + "\t5\ta.txt\tmemory:conversations/c/a.txt\n" +
		"skipped\ttoo_large\t-\ttoo\uFFFDlarge.txt\t"
	if status != http.StatusOK || contentType != asTable || !strings.HasPrefix(body, want) || strings.Count(body, "\n") != 3 {
		t.Errorf("answer = %d %s\n%s\nwant\n%s…", status, contentType, body, want)
	}
	if status, contentType, _ := askShell(t, api, post(t, path, "a.txt", "hello"), "*/*"); status != http.StatusOK || contentType != "application/json" {
		t.Errorf("answer to */* = %d %s, want JSON", status, contentType)
	}
}

// A file is asked for, sent as the answer says, and asked for again: then its
// receipt is the answer.
func TestAShellSendsAFileInOneGo(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)
	sum := sha256.Sum256([]byte("the film"))
	ask := func() (int, string, string) {
		query := url.Values{"filename": {"film.mp4"}, "size": {"8"}, "sha256": {hex.EncodeToString(sum[:])}}
		return askShell(t, api, httptest.NewRequest(http.MethodGet, s3Path+"params?"+query.Encode(), nil), asCurl)
	}
	status, contentType, body := ask()
	if status != http.StatusOK || contentType != asCurl || !strings.HasPrefix(body, "url = \"memory:conversations/c/film.mp4?0\"\nrequest = \"PUT\"\n") {
		t.Fatalf("params = %d %s %q", status, contentType, body)
	}
	store.Send(t, direct.Signed{URL: "memory:conversations/c/film.mp4?0"}, []byte("the film"))
	status, contentType, body = ask()
	want := "result\tsha256\tsize\tname\tdetail\nstored\t" + hex.EncodeToString(sum[:]) + "\t8\tfilm.mp4\tmemory:conversations/c/film.mp4\n"
	if status != http.StatusOK || contentType != asTable || body != want {
		t.Errorf("params = %d %s\n%s\nwant\n%s", status, contentType, body, want)
	}
	for name, query := range map[string]url.Values{
		"another hash": {"filename": {"film.mp4"}, "size": {"8"}, "sha256": {strings.Repeat("0", 63) + "1"}},
		"no hash":      {"filename": {"film.mp4"}, "size": {"8"}},
	} {
		r := httptest.NewRequest(http.MethodGet, s3Path+"params?"+query.Encode(), nil)
		if status, contentType, _ := askShell(t, api, r, asCurl); status != http.StatusOK || contentType != asCurl {
			t.Errorf("%s: params = %d %s, want how to send it", name, status, contentType)
		}
	}
}

func TestAShellSendsAFileInParts(t *testing.T) {
	var store directtest.Memory
	api := newDirect(&store, nil)
	begin := func(body string) (int, string, string) {
		r := httptest.NewRequest(http.MethodPost, s3Path+"multipart", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		return askShell(t, api, r, asTable)
	}
	sum := sha256.Sum256([]byte("the film"))
	form := url.Values{"filename": {"the film.mp4"}, "size": {"8"}, "sha256": {hex.EncodeToString(sum[:])}}.Encode()
	status, _, body := begin(form)
	lines := strings.Split(body, "\n")
	if status != http.StatusOK || lines[0] != "key\tuploadId" {
		t.Fatalf("multipart = %d %q", status, body)
	}
	key, id, _ := strings.Cut(lines[1], "\t")
	b := begun{Key: key, UploadID: id}
	status, contentType, body := askShell(t, api, httptest.NewRequest(http.MethodGet, b.path("/1"), nil), asCurl)
	if status != http.StatusOK || contentType != asCurl || !strings.Contains(body, `request = "PUT"`) {
		t.Fatalf("part = %d %s %q", status, contentType, body)
	}
	address, _, _ := strings.Cut(strings.TrimPrefix(body, `url = "`), `"`)
	etag := strings.Trim(sendPart(t, &store, address, "the film"), `"`)
	_, _, body = askShell(t, api, httptest.NewRequest(http.MethodGet, b.path(""), nil), asTable)
	if diff := cmp.Diff("number\tsize\tetag\n1\t8\t"+etag+"\n", body); diff != "" {
		t.Errorf("parts (-want +got):\n%s", diff)
	}
	complete := httptest.NewRequest(http.MethodPost, b.path("/complete"), strings.NewReader(`{"parts":[{"ETag":"`+etag+`","PartNumber":1}]}`))
	complete.Header.Set("Content-Type", "application/json")
	_, _, receipt := askShell(t, api, complete, asTable)
	if !strings.Contains(receipt, "\nstored\t"+hex.EncodeToString(sum[:])+"\t8\tthe film.mp4\t") {
		t.Errorf("complete = %q", receipt)
	}
	if _, _, again := begin(form); again != receipt {
		t.Errorf("beginning again = %q, want the receipt %q", again, receipt)
	}
	if n := store.Uploads(); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	for _, wrong := range []string{"%zz", "size=8", "filename=a&size=many"} {
		if status, _, body := begin(wrong); status != http.StatusBadRequest || !strings.Contains(body, `"detail"`) {
			t.Errorf("beginning with %q = %d %s, want 400 and why", wrong, status, body)
		}
	}
}

func TestAShellIsToldRefusalsAndOutagesAsOthersAre(t *testing.T) {
	var store directtest.Memory
	rules, err := mediatype.ParseRules("", ".txt")
	if err != nil {
		t.Fatal(err)
	}
	api := newDirect(&store, func(l *direct.Lane) { l.Rules = rules })
	refused := httptest.NewRequest(http.MethodGet, s3Path+"params?filename=a.exe&sha256="+strings.Repeat("1", 64), nil)
	if status, contentType, _ := askShell(t, api, refused, asCurl); status != http.StatusUnsupportedMediaType || contentType != "application/json" {
		t.Errorf("a refused type = %d %s, want 415 and JSON", status, contentType)
	}
	store.Fault = func(context.Context, string, string) (bool, error) { return false, upload.ErrUnavailable }
	known := httptest.NewRequest(http.MethodGet, s3Path+"params?filename=a.txt&sha256="+strings.Repeat("1", 64), nil)
	if status, contentType, _ := askShell(t, api, known, asCurl); status != http.StatusServiceUnavailable || contentType != "application/json" {
		t.Errorf("a store that is down = %d %s, want 503 and JSON", status, contentType)
	}
}
