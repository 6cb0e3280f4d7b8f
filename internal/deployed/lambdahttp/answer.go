package lambdahttp

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"strings"

	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// response collects an answer in the adapter's writer, by the rules of net/http:
// the first status wins, headers set after it do not go out, a status without
// body has none, and a handler that writes nothing has answered 200.
type response struct {
	core   *core.ProxyResponseWriter
	header http.Header
	kind   Kind
	limit  int    // bytes of the answer's JSON
	head   bool   // whether the request's method is HEAD
	status int    // 0 until it is written
	size   int    // bytes of the body that were to be written
	json   []byte // the answer as Fits has found it; nil where it is not known
}

// Unsent is the ResponseWriter of an answer that goes out when it is whole: until
// its http.Handler returns, another can take its place.
type Unsent interface {
	http.ResponseWriter

	// Fits is nil, or an [AnswerTooLarge] where the answer as it is written could
	// not go out.
	Fits() error

	// Reset takes status and body back. Headers stay as they are set.
	Reset()
}

var _ Unsent = (*response)(nil)

// An AnswerTooLarge is why an answer cannot go out, in words for the client.
type AnswerTooLarge struct {
	Limit int // bytes
}

func (e AnswerTooLarge) Error() string {
	return fmt.Sprintf("The answer would have more than %d MB, which is the most that can be sent here at once. Ask for less.", e.Limit/1_000_000)
}

// Answer is the status and the body that say so.
func (e AnswerTooLarge) Answer() (status int, body any) {
	return http.StatusRequestEntityTooLarge, map[string]string{"detail": e.Error()}
}

func newResponse(kind Kind, r *http.Request) *response {
	return &response{
		core:   core.NewProxyResponseWriter(),
		header: http.Header{},
		kind:   kind,
		limit:  LimitsFrom(r.Context()).Answer,
		head:   r.Method == http.MethodHead,
	}
}

// Reset implements [Unsent].
func (w *response) Reset() {
	w.core = core.NewProxyResponseWriter()
	w.status, w.size, w.json = 0, 0, nil
}

// Fits implements [Unsent].
func (w *response) Fits() error {
	_, err := w.encode()
	return err
}

// isOver reports whether a body was to be written that is over the limit by itself.
func (w *response) isOver() bool { return w.size > w.limit && !w.head }

// encode returns the answer as the sender of the event takes it.
func (w *response) encode() ([]byte, error) {
	if w.isOver() {
		return nil, AnswerTooLarge{w.limit}
	}
	if w.json == nil {
		w.json = encode(w.kind, w.answer())
	}
	if len(w.json) > w.limit {
		return nil, AnswerTooLarge{w.limit}
	}
	return w.json, nil
}

// Header returns the headers to send, until the status is written.
func (w *response) Header() http.Header { return w.header }

// WriteHeader writes the status. An event's answer has no room for 1xx ones
// before it, so they are dropped.
func (w *response) WriteHeader(status int) {
	if status < 100 || status > 999 {
		panic(fmt.Sprintf("invalid WriteHeader code %d", status))
	}
	if w.status != 0 || status < 200 {
		return
	}
	w.status = status
	maps.Copy(w.core.Header(), w.header.Clone())
	w.core.WriteHeader(status)
}

// Write writes a part of the body.
func (w *response) Write(p []byte) (int, error) {
	w.Flush()
	if w.status == http.StatusNoContent || w.status == http.StatusNotModified {
		return 0, http.ErrBodyNotAllowed
	}
	w.json = nil
	if w.size += len(p); w.size > w.limit {
		return 0, AnswerTooLarge{w.limit}
	}
	return w.core.Write(p)
}

// Flush writes the status if nothing has. The answer goes out when it is whole.
func (w *response) Flush() {
	w.WriteHeader(http.StatusOK)
}

// answer is what was written.
func (w *response) answer() answer {
	w.Flush()
	// The adapter's only error is that of a missing status.
	proxy, _ := w.core.GetProxyResponse()
	a := answer{Status: proxy.StatusCode, header: proxy.MultiValueHeaders, Body: proxy.Body, IsBase64Encoded: proxy.IsBase64Encoded}
	if w.head {
		a.Body, a.IsBase64Encoded = "", false
	}
	return a
}

// answer has the fields of the answers to all kinds of event:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html,
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html and
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.
type answer struct {
	Status            int                 `json:"statusCode"`
	Description       string              `json:"statusDescription,omitempty"`
	Headers           map[string]string   `json:"headers,omitempty"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders,omitempty"`
	Cookies           []string            `json:"cookies,omitempty"`
	Body              string              `json:"body"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`

	header http.Header
}

// problem is an answer of this package's own, in the shape of the API's errors.
func problem(status int, detail string) answer {
	body, _ := json.Marshal(map[string]string{"detail": detail})
	return answer{
		Status: status,
		Body:   string(body),
		header: http.Header{"Content-Type": {"application/json"}},
	}
}

// encode writes an answer in the shape that a kind of event asks for.
func encode(kind Kind, a answer) []byte {
	a.addHeader(kind)
	if kind == ALB || kind == ALBMultiValue {
		a.Description = strings.TrimSpace(fmt.Sprintf("%d %s", a.Status, http.StatusText(a.Status)))
	}
	return toJSON(a)
}

func toJSON(v any) []byte {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	// Strings, numbers and booleans always encode, and a buffer takes all.
	_ = encoder.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n"))
}

func (a *answer) addHeader(kind Kind) {
	for name, values := range a.header {
		if isToken(name) && len(values) > 0 {
			a.add(kind, name, clean(values))
		}
	}
}

// add puts a header where its kind of answer has it. For a REST API each name
// is in one of the two maps, so that nothing depends on how they are merged. A
// load balancer without multi-value headers takes one value for a name, and so
// one cookie: the first.
func (a *answer) add(kind Kind, name string, values []string) {
	cookie := name == "Set-Cookie"
	switch {
	case kind == ALBMultiValue, kind == REST && len(values) > 1:
		set(&a.MultiValueHeaders, name, values)
	case cookie && (kind == HTTPAPI || kind == FunctionURL):
		a.Cookies = values
	case cookie:
		set(&a.Headers, name, values[0])
	default:
		set(&a.Headers, name, strings.Join(values, ", "))
	}
}

func set[V any](m *map[string]V, name string, value V) {
	if *m == nil {
		*m = map[string]V{}
	}
	(*m)[name] = value
}

var lineBreaks = strings.NewReplacer("\r", " ", "\n", " ")

// clean keeps a value on its line, as net/http's server does.
func clean(values []string) []string {
	out := make([]string, len(values))
	for i, value := range values {
		out[i] = strings.TrimSpace(lineBreaks.Replace(value))
	}
	return out
}
