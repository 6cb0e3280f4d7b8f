package openapitest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"uploadfiles/internal/deployed/openapi"
	"uploadfiles/internal/deployed/openapi/openapitest"
)

const (
	uploadPath = "/api/conversations/c/upload-files"
	stored     = `{"file_urls":["https://s3.example.com/a"],"skipped_files":["b"],"uploaded_files":["a"],` +
		`"files":[{"name":"a","key":"c/a","url":"https://s3.example.com/a","size":0,"content_type":"text/plain",` +
		`"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","expires_at":"2026-01-02T03:04:05Z"}],` +
		`"skipped":[{"name":"b","code":"too_large","reason":"It is."}]}`
	wrongField = `{"detail":[{"type":"missing","loc":["body","files"],"msg":"Field required","input":null}]}`
	wrongText  = `{"detail":[{"type":"value_error","loc":["body","files",0],"msg":"no","input":"x","ctx":{"error":{}}}]}`
)

// failures counts what a test is told, in place of failing it.
type failures struct {
	testing.TB
	texts []string
}

func (f *failures) Helper() {}

func (f *failures) Errorf(format string, args ...any) {
	f.texts = append(f.texts, fmt.Sprintf(format, args...))
}

// An exchange is a request and what it is answered. Its zero value is a valid
// upload without a body in the answer.
type exchange struct {
	method, path, key string
	status            int
	header            map[string]string // over those that every answer has; empty is none
	body              string
}

func (e exchange) request() *http.Request {
	r := httptest.NewRequest(e.method, e.path, nil)
	if e.key != "" {
		r.Header.Set("X-Session-API-Key", e.key)
	}
	return r
}

func (e exchange) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if e.body != "" {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range e.header {
		w.Header().Set(name, value)
		if value == "" {
			w.Header().Del(name)
		}
	}
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.body)
}

func (e exchange) run(t *testing.T) []string {
	f := &failures{TB: t}
	recorder := httptest.NewRecorder()
	openapitest.Wrap(f, e).ServeHTTP(recorder, e.request())
	if recorder.Code != e.status || recorder.Body.String() != e.body {
		t.Errorf("the answer arrives as %d %q, want %d %q", recorder.Code, recorder.Body, e.status, e.body)
	}
	return f.texts
}

func TestAnswersOfTheFunctionHaveTheirHeaders(t *testing.T) {
	for _, name := range []string{"Cache-Control", "X-Content-Type-Options"} {
		e := exchange{"POST", uploadPath, "", 401, map[string]string{name: ""}, `{"detail":"x"}`}
		if texts := e.run(t); len(texts) != 1 || !strings.Contains(texts[0], name) {
			t.Errorf("without %s: told %q, want one that names it", name, texts)
		}
	}
}

func TestDescribedAnswersPass(t *testing.T) {
	allow := map[string]string{"Allow": "POST, OPTIONS"}
	retry := map[string]string{"Retry-After": "5"}
	detail := `{"detail":"x"}`
	for name, e := range map[string]exchange{
		"stored":               {"POST", uploadPath, "k", 200, nil, stored},
		"slash at the end":     {"POST", uploadPath + "/", "k", 200, nil, stored},
		"CORS":                 {"POST", uploadPath, "k", 200, map[string]string{"Access-Control-Allow-Origin": "https://a.example.com", "Vary": "Origin"}, stored},
		"bad request":          {"POST", uploadPath, "k", 400, nil, detail},
		"denied":               {"POST", uploadPath, "", 401, nil, detail},
		"id that is refused":   {"POST", "/api/conversations/a%2Bb/upload-files", "k", 400, nil, detail},
		"too large":            {"POST", uploadPath, "k", 413, nil, `{"detail":"x","max_bytes":1,"size":2}`},
		"too large, gateway":   {"POST", uploadPath, "k", 413, nil, detail},
		"no files":             {"POST", uploadPath, "k", 422, nil, wrongField},
		"text for a file":      {"POST", uploadPath, "k", 422, nil, wrongText},
		"unavailable":          {"POST", uploadPath, "k", 503, retry, detail},
		"unknown path":         {"GET", "/nothing", "", 404, nil, detail},
		"empty id":             {"POST", "/api/conversations//upload-files", "k", 404, nil, detail},
		"other method":         {"PUT", uploadPath, "k", 405, allow, detail},
		"HEAD":                 {"HEAD", uploadPath, "k", 405, allow, ""},
		"OPTIONS":              {"OPTIONS", uploadPath, "", 204, allow, ""},
		"the document":         {"GET", "/openapi.json", "", 200, nil, string(openapi.JSON())},
		"HEAD of the document": {"HEAD", "/openapi.json", "", 200, nil, ""},
	} {
		if texts := e.run(t); len(texts) > 0 {
			t.Errorf("%s: %q", name, texts)
		}
	}
}

func TestAnswersThatAreNotDescribedFail(t *testing.T) {
	detail := `{"detail":"x"}`
	for name, test := range map[string]struct {
		exchange
		want string
	}{
		"unknown status":      {exchange{"POST", uploadPath, "k", 418, nil, detail}, "status is not supported"},
		"unknown path":        {exchange{"GET", "/nothing", "", 200, nil, detail}, "status is not supported"},
		"unknown method":      {exchange{"PUT", uploadPath, "k", 200, nil, detail}, "status is not supported"},
		"missing field":       {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `"uploaded_files":["a"],`, "", 1)}, "uploaded_files"},
		"missing inner field": {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `"key":"c/a",`, "", 1)}, "key"},
		"field of the contract is missing": {exchange{"POST", uploadPath, "k", 200, nil,
			strings.Replace(stored, `"skipped_files":["b"],`, "", 1)}, "skipped_files"},
		"null for a list":       {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `["b"]`, "null", 1)}, "null"},
		"objects for names":     {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `["b"]`, `[{"name":"b"}]`, 1)}, "string"},
		"unknown code":          {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, "too_large", "tired", 1)}, "code"},
		"hash in capitals":      {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, "e3b0", "E3B0", 1)}, "sha256"},
		"time without zone":     {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, "05Z", "05", 1)}, "expires_at"},
		"unknown field":         {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `{"file_urls"`, `{"new":1,"file_urls"`, 1)}, "new"},
		"unknown inner field":   {exchange{"POST", uploadPath, "k", 200, nil, strings.Replace(stored, `{"name":"a"`, `{"new":1,"name":"a"`, 1)}, "new"},
		"unknown error field":   {exchange{"POST", uploadPath, "k", 400, nil, `{"detail":"x","new":1}`}, "new"},
		"text for a list":       {exchange{"POST", uploadPath, "k", 422, nil, detail}, "array"},
		"unknown field in 422":  {exchange{"POST", uploadPath, "k", 422, nil, strings.Replace(wrongField, `"input"`, `"new":1,"input"`, 1)}, "new"},
		"number for the input":  {exchange{"POST", uploadPath, "k", 422, nil, strings.Replace(wrongField, "null", "1", 1)}, "input"},
		"other media type":      {exchange{"POST", uploadPath, "k", 400, map[string]string{"Content-Type": "text/plain"}, detail}, "Content-Type"},
		"no JSON":               {exchange{"POST", uploadPath, "k", 400, nil, "x"}, "decode"},
		"no body":               {exchange{"POST", uploadPath, "k", 400, nil, ""}, "Content-Type"},
		"body of 204":           {exchange{"OPTIONS", uploadPath, "", 204, map[string]string{"Allow": "OPTIONS, POST"}, detail}, "want none"},
		"body of HEAD":          {exchange{"HEAD", uploadPath, "k", 405, map[string]string{"Allow": "OPTIONS, POST"}, detail}, "want none"},
		"missing header":        {exchange{"POST", uploadPath, "k", 503, nil, detail}, "Retry-After"},
		"missing header, HEAD":  {exchange{"HEAD", uploadPath, "k", 405, nil, ""}, "Allow"},
		"unknown header":        {exchange{"POST", uploadPath, "k", 400, map[string]string{"X-New": "1"}, detail}, "X-New"},
		"wrong header":          {exchange{"POST", uploadPath, "k", 400, map[string]string{"Cache-Control": "public"}, detail}, "Cache-Control"},
		"text for a number":     {exchange{"POST", uploadPath, "k", 503, map[string]string{"Retry-After": "soon"}, detail}, "Retry-After"},
		"method that is not":    {exchange{"PUT", uploadPath, "k", 405, map[string]string{"Allow": "GET, OPTIONS, POST"}, detail}, "Allow names"},
		"success without a key": {exchange{"POST", uploadPath, "", 200, nil, stored}, "cannot succeed"},
		"success for a bad id":  {exchange{"POST", "/api/conversations/a..b/upload-files", "k", 200, nil, stored}, "cannot succeed"},
	} {
		texts := test.run(t)
		if len(texts) != 1 || !strings.Contains(texts[0], test.want) {
			t.Errorf("%s: told %q, want one that names %q", name, texts, test.want)
		}
	}
}

func TestAnswerOfTheGatewayPassesCheckAndCanStillBeRead(t *testing.T) {
	e := exchange{"POST", uploadPath, "k", 429, map[string]string{
		"Cache-Control": "", "X-Content-Type-Options": "", "Retry-After": "5", "X-Amzn-Requestid": "1",
	}, `{"detail":"x"}`}
	recorder := httptest.NewRecorder()
	e.ServeHTTP(recorder, nil)
	answer := recorder.Result()
	openapitest.Check(t, e.request(), answer)
	if body, err := io.ReadAll(answer.Body); string(body) != e.body || err != nil {
		t.Errorf("the body is %q, %v after the check", body, err)
	}
}

// brokenBody fails to be read.
type brokenBody struct{}

func (brokenBody) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
func (brokenBody) Close() error             { return nil }

func TestAnswerThatBreaksOffFails(t *testing.T) {
	f := &failures{TB: t}
	answer := &http.Response{StatusCode: http.StatusOK, Body: brokenBody{}}
	openapitest.Check(f, httptest.NewRequest(http.MethodPost, uploadPath, nil), answer)
	if len(f.texts) != 1 || !strings.Contains(f.texts[0], "read the answer") {
		t.Errorf("told %q, want one that the answer cannot be read", f.texts)
	}
}
