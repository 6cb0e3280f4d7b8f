// Package openapitest holds what the API answers against its description.
package openapitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"

	"uploadfiles/internal/deployed/openapi"
)

// Wrap returns a handler that answers as the function does, by h, and fails the
// test where an answer does not pass [Check] or lacks a header that every answer
// of the function has.
func Wrap(t testing.TB, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		t.Helper()
		recorder := httptest.NewRecorder()
		h.ServeHTTP(recorder, r)
		answer := recorder.Result()
		Check(t, r, answer)
		for _, name := range always {
			if answer.Header.Get(name) == "" {
				t.Errorf("%s %s is answered without %s", r.Method, r.URL.Path, name)
			}
		}
		for name, values := range answer.Header {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body)
	})
}

// always are headers that the gateway leaves out of its own answers, so that they
// are not required in the description.
var always = []string{"Cache-Control", "X-Content-Type-Options"}

// Check fails the test where an answer is not as the description says: its
// status, its headers, its media type, its body and every field in it. A path
// or a method that is not described must be answered 404 or 405. A request that
// succeeds must be one that the description allows, by its path and its key; its
// body is left alone, since a form can be more than the description can say.
//
// The answer's body can be read again afterwards.
func Check(t testing.TB, r *http.Request, answer *http.Response) {
	t.Helper()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Errorf("%s %s: read the answer: %v", r.Method, r.URL.Path, err)
		return
	}
	_ = answer.Body.Close()
	answer.Body = io.NopCloser(bytes.NewReader(body))
	if err := check(r, answer, body); err != nil {
		t.Errorf("%s %s is answered %d, against the description: %v", r.Method, r.URL.Path, answer.StatusCode, err)
	}
}

func check(r *http.Request, answer *http.Response, body []byte) error {
	doc, err := load()
	if err != nil {
		return err
	}
	route, params := find(doc, r)
	request := &openapi3filter.RequestValidationInput{
		Request:    asGet(r),
		PathParams: params,
		Route:      route,
		Options: &openapi3filter.Options{
			ExcludeRequestBody:    true,
			ExcludeResponseBody:   r.Method == http.MethodHead || isForShells(r, answer),
			IncludeResponseStatus: true,
			AuthenticationFunc:    hasKey,
		},
	}
	response := &openapi3filter.ResponseValidationInput{
		RequestValidationInput: request,
		Status:                 answer.StatusCode,
		Header:                 answer.Header,
		Options:                request.Options,
	}
	response.SetBodyBytes(body)
	if err := openapi3filter.ValidateResponse(r.Context(), response); err != nil {
		return err
	}
	said := route.Operation.Responses.Status(answer.StatusCode).Value
	if err := errors.Join(checkHeaders(said, answer), checkAllow(route, answer), checkEmpty(said, r, body)); err != nil {
		return err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return nil
	}
	if err := openapi3filter.ValidateRequest(r.Context(), request); err != nil {
		return fmt.Errorf("such a request cannot succeed: %w", err)
	}
	return nil
}

// isForShells tells answers that a request asked for and that the description has
// in words only: beside JSON, generators of clients would make a text of every
// answer.
func isForShells(r *http.Request, answer *http.Response) bool {
	const curl, table = "text/x-curl-config", "text/tab-separated-values"
	accept, mediaType := r.Header.Get("Accept"), answer.Header.Get("Content-Type")
	return answer.StatusCode == http.StatusOK && (mediaType == curl || mediaType == table) &&
		(strings.Contains(accept, curl) || strings.Contains(accept, table))
}

// load reads the description once, and closes its schemas: clients have to be
// ready for new fields, but here a field that is not described is a mistake.
var load = sync.OnceValues(func() (*openapi3.T, error) {
	openapi3filter.RegisterBodyDecoder("text/x-shellscript", openapi3filter.FileBodyDecoder)
	doc, err := openapi3.NewLoader().LoadFromData(openapi.JSON())
	if err != nil {
		return nil, err
	}
	for _, path := range doc.Paths.Map() {
		for _, operation := range path.Operations() {
			for _, response := range operation.Responses.Map() {
				for _, media := range response.Value.Content {
					media.Schema = promised(doc, media.Schema)
					closeObjects(media.Schema.Value)
				}
			}
		}
	}
	return doc, nil
})

// promises are the schemas of what is always in an answer whose schema the
// contract gives. There it can be optional at most, or is not named: the schemas
// of the contract stay as they are, and generators of clients drop what stands
// beside a reference to one.
var promises = map[string]string{
	"#/components/schemas/POSTUploadFilesModel": "UploadResult",
	"#/components/schemas/HTTPValidationError":  "FormErrors",
}

// promised extends a schema of the contract by what the function promises besides.
func promised(doc *openapi3.T, schema *openapi3.SchemaRef) *openapi3.SchemaRef {
	name, ok := promises[schema.Ref]
	if !ok {
		return schema
	}
	extended := *schema.Value
	extended.AllOf = openapi3.SchemaRefs{doc.Components.Schemas[name]}
	return openapi3.NewSchemaRef("", &extended)
}

// closeObjects forbids further fields in an object and in those that its lists
// hold, but for those of which nothing is said. Where a schema extends another by allOf, the lists are taken from the
// extension: in the other one, the same elements have fewer fields.
func closeObjects(schema *openapi3.Schema) {
	closed := false
	schema.UnevaluatedProperties = openapi3.BoolSchema{Has: &closed}
	for _, extension := range extensions(schema) {
		for _, property := range extension.Properties {
			if items := property.Value.Items; items != nil && len(items.Value.Properties) > 0 {
				closeObjects(items.Value)
			}
		}
	}
}

// extensions are the schemas at the ends of allOf, or the schema itself where it
// has none.
func extensions(schema *openapi3.Schema) []*openapi3.Schema {
	if len(schema.AllOf) == 0 {
		return []*openapi3.Schema{schema}
	}
	var all []*openapi3.Schema
	for _, part := range schema.AllOf {
		all = append(all, extensions(part.Value)...)
	}
	return all
}

// find returns the operation that describes the request, with the values in the
// path. Where there is none, it is one that only answers 404 or 405. Of two paths
// that match, the one with fewer parameters is meant.
func find(doc *openapi3.T, r *http.Request) (*routers.Route, map[string]string) {
	route := &routers.Route{Spec: doc, Method: r.Method, PathItem: &openapi3.PathItem{}, Operation: refusing(doc, 404, "NotFound")}
	var params map[string]string
	for pattern, path := range doc.Paths.Map() {
		values, ok := match(pattern, r.URL.Path)
		if !ok || route.Path != "" && len(values) >= len(params) {
			continue
		}
		params, route.Path, route.PathItem = values, pattern, path
		route.Operation = refusing(doc, 405, "MethodNotAllowed")
		if operation := path.Operations()[r.Method]; operation != nil {
			route.Operation = operation
		}
	}
	return route, params
}

func refusing(doc *openapi3.T, status int, response string) *openapi3.Operation {
	return &openapi3.Operation{
		Responses: openapi3.NewResponses(openapi3.WithStatus(status, doc.Components.Responses[response])),
	}
}

// match compares segment by segment; a slash at the end makes no difference. The
// name of a file may have slashes in it, which OpenAPI cannot say.
func match(pattern, path string) (params map[string]string, ok bool) {
	want, got := strings.Split(pattern, "/"), strings.Split(strings.TrimSuffix(path, "/"), "/")
	if last := len(want) - 1; want[last] == "{name}" && len(got) > len(want) {
		got = append(got[:last], strings.Join(got[last:], "/"))
	}
	if len(want) != len(got) {
		return nil, false
	}
	params = map[string]string{}
	for i, segment := range want {
		switch {
		case strings.HasPrefix(segment, "{") && got[i] != "":
			params[strings.Trim(segment, "{}")] = got[i]
		case segment != got[i]:
			return nil, false
		}
	}
	return params, true
}

// asGet makes HEAD a GET: the validator looks at no answer to HEAD.
func asGet(r *http.Request) *http.Request {
	if r.Method != http.MethodHead {
		return r
	}
	r = r.Clone(r.Context())
	r.Method = http.MethodGet
	return r
}

func hasKey(_ context.Context, input *openapi3filter.AuthenticationInput) error {
	scheme := input.SecurityScheme
	if values := input.RequestValidationInput.Request.Header.Values(scheme.Name); len(values) != 1 || values[0] == "" {
		return input.NewError(fmt.Errorf("%d headers %s", len(values), scheme.Name))
	}
	return nil
}

// notDescribed are headers of HTTP itself and of API Gateway.
var notDescribed = []string{"Connection", "Content-Length", "Content-Type", "Date", "X-Amzn-Requestid"}

func checkHeaders(said *openapi3.Response, answer *http.Response) error {
	var errs []error
	for name := range answer.Header {
		if !describes(said, name) && !slices.Contains(notDescribed, name) {
			errs = append(errs, fmt.Errorf("the header %s is not described", name))
		}
	}
	return errors.Join(errs...)
}

// describes looks for a header by its name in Go's spelling, in which ETag is Etag.
func describes(said *openapi3.Response, name string) bool {
	for described := range said.Headers {
		if http.CanonicalHeaderKey(described) == name {
			return true
		}
	}
	return false
}

// checkAllow holds Allow against the methods that are described.
func checkAllow(route *routers.Route, answer *http.Response) error {
	allow := answer.Header.Values("Allow")
	if len(allow) == 0 {
		return nil
	}
	got := strings.Split(strings.Join(allow, ", "), ", ")
	slices.Sort(got)
	var want []string
	for method := range route.PathItem.Operations() {
		want = append(want, method)
	}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		return fmt.Errorf("Allow names %q, described are %q", got, want)
	}
	return nil
}

func checkEmpty(said *openapi3.Response, r *http.Request, body []byte) error {
	if (r.Method == http.MethodHead || len(said.Content) == 0) && len(body) > 0 {
		return fmt.Errorf("%d bytes of body, want none", len(body))
	}
	return nil
}
