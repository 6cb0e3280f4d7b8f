package apidocs_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"strings"
	"testing"

	"uploadfiles/internal/local/apidocs"
)

func get(method, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	apidocs.Handler().ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
	return recorder
}

func TestPageLoadsOnlyFilesThatAreServed(t *testing.T) {
	page := get(http.MethodGet, "/docs/")
	if got := page.Header().Get("Content-Type"); page.Code != http.StatusOK || got != "text/html; charset=utf-8" {
		t.Fatalf("/docs/ is answered %d as %q", page.Code, got)
	}
	want := map[string]string{
		"swagger-ui.css":       "text/css; charset=utf-8",
		"page.css":             "text/css; charset=utf-8",
		"swagger-ui-bundle.js": "text/javascript; charset=utf-8",
		"page.js":              "text/javascript; charset=utf-8",
	}
	loaded := regexp.MustCompile(`(?:src|rel="stylesheet" href)="([^"]+)"`).FindAllStringSubmatch(page.Body.String(), -1)
	if len(loaded) != len(want) {
		t.Fatalf("the page loads %q, want %d files", loaded, len(want))
	}
	for _, match := range loaded {
		file := get(http.MethodGet, "/docs/"+match[1])
		if got := file.Header().Get("Content-Type"); file.Code != http.StatusOK || got != want[match[1]] || file.Body.Len() == 0 {
			t.Errorf("%s is answered %d as %q, %d bytes", match[1], file.Code, got, file.Body.Len())
		}
	}
}

func TestBrowserMayUseThisSiteAlone(t *testing.T) {
	for _, path := range []string{"/docs/", "/docs/page.js", "/docs/swagger-ui-bundle.js"} {
		header := get(http.MethodGet, path).Header()
		policy := header.Get("Content-Security-Policy")
		if !strings.HasPrefix(policy, "default-src 'none'; ") || strings.Contains(policy, "unsafe") || strings.Contains(policy, "http") {
			t.Errorf("%s: Content-Security-Policy = %q", path, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" || header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", path, header)
		}
	}
}

func TestPathWithoutSlashLeadsToThePage(t *testing.T) {
	answer := get(http.MethodGet, "/docs")
	if got := answer.Header().Get("Location"); answer.Code != http.StatusFound || got != "/docs/" {
		t.Errorf("/docs is answered %d to %q", answer.Code, got)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	for path, want := range map[string]int{
		"/docs/docs.go":                     http.StatusNotFound,
		"/docs/swagger-ui/":                 http.StatusNotFound,
		"/docs/swagger-ui-bundle.js.gz":     http.StatusNotFound,
		"/docs/page.js/":                    http.StatusNotFound,
		"/docs/..%2fopenapi.json":           http.StatusNotFound,
		"/openapi.json":                     http.StatusNotFound,
		"/docs/swagger-ui/swagger-ui.css":   http.StatusNotFound,
		"/docs/index.html":                  http.StatusNotFound,
		"/docs/swagger-ui-bundle.js?x=../x": http.StatusOK,
	} {
		if got := get(http.MethodGet, path).Code; got != want {
			t.Errorf("GET %s is answered %d, want %d", path, got, want)
		}
	}
	if got := get(http.MethodPost, "/docs/").Code; got != http.StatusMethodNotAllowed {
		t.Errorf("POST /docs/ is answered %d, want 405", got)
	}
}

func TestVendoredFilesAreOfTheLockedVersion(t *testing.T) {
	data, err := os.ReadFile("package-lock.json")
	if err != nil {
		t.Fatal(err)
	}
	var lock struct {
		Packages map[string]struct{ Version, Integrity string }
	}
	if err := json.Unmarshal(data, &lock); err != nil {
		t.Fatal(err)
	}
	viewer := lock.Packages["node_modules/swagger-ui-dist"]
	if viewer.Version == "" || !strings.HasPrefix(viewer.Integrity, "sha512-") {
		t.Fatalf("the viewer is locked at %+v", viewer)
	}
	if !strings.Contains(get(http.MethodGet, "/docs/swagger-ui-bundle.js").Body.String(), `"`+viewer.Version+`"`) {
		t.Errorf("the vendored viewer is not of version %s: run go generate ./internal/local/apidocs", viewer.Version)
	}
	for _, file := range []string{"LICENSE", "NOTICE", "swagger-ui-bundle.js.LICENSE.txt"} {
		if _, err := os.Stat("swagger-ui/" + file); err != nil {
			t.Errorf("the viewer comes without its licence: %v", err)
		}
	}
}
