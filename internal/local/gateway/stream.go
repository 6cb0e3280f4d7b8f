package gateway

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"uploadfiles/internal/deployed/lambdahttp"
)

// A Streamer answers events with streams, as Lambda has a function do whose REST
// API has the response transfer mode STREAM.
type Streamer interface {
	Stream(ctx context.Context, event json.RawMessage) (*lambdahttp.Stream, error)
}

// A Route is a path and what answers it, which is one of the two.
type Route struct {
	Path     string // as API Gateway spells it: /a/{name}/{rest+}
	Function Function
	Streamer Streamer
}

// Limits of a streamed answer
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/response-transfer-mode.html).
// That of 2 MB/s after the first 6 MB is not kept: a developer should not wait.
const (
	maxPrelude = 16 << 10         // bytes before the body
	maxStream  = 200 << 20        // bytes in all
	streamTime = 15 * time.Minute // of the function, as template.yaml may set it
)

// route finds what answers a request.
func (a *API) route(r *http.Request) Route {
	for _, route := range a.Routes {
		if matches(route.Path, r.URL.EscapedPath()) {
			return route
		}
	}
	return Route{Function: a.Function}
}

// matches compares segments as they are sent. A slash at the end makes no
// difference.
func matches(pattern, path string) bool {
	want, got := segments(pattern), segments(path)
	for i, segment := range want {
		switch {
		case i >= len(got):
			return false
		case strings.HasSuffix(segment, "+}"):
			return got[i] != ""
		case strings.HasPrefix(segment, "{"):
			if got[i] == "" {
				return false
			}
		case segment != got[i]:
			return false
		}
	}
	return len(want) == len(got)
}

func segments(path string) []string {
	return strings.Split(strings.TrimSuffix(strings.TrimPrefix(path, "/"), "/"), "/")
}

// serveStream hands the answer on while it comes. One that breaks off breaks the
// connection, so that the client sees it.
func (a *API) serveStream(w http.ResponseWriter, r *http.Request, id string, f Streamer) {
	event, err := a.event(r, id)
	if err != nil {
		a.refuse(w, r, id, err)
		return
	}
	// As on AWS, the function does not notice that its client goes away.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), streamTime)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: newID()})
	stream, err := f.Stream(ctx, event)
	if err != nil {
		a.refuse(w, r, id, refused{failed, err})
		return
	}
	defer stream.Close()
	body := bufio.NewReaderSize(io.LimitReader(stream, maxStream+1), maxPrelude)
	answer, size, err := readPrelude(body, stream.ContentType())
	if err != nil {
		a.refuse(w, r, id, refused{failed, err})
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	n, err := io.Copy(client{w}, body)
	if size += n; size > maxStream {
		err = fmt.Errorf("the answer has more than %d bytes, Lambda streams no more", maxStream)
	}
	if err != nil {
		if a.Log != nil {
			a.Log.WarnContext(r.Context(), "answer broken off", "request_id", id, "method", r.Method, "cause", err.Error())
		}
		panic(http.ErrAbortHandler)
	}
}

// client writes to a client until it is gone, and goes on as if it were not.
type client struct{ http.ResponseWriter }

func (c client) Write(p []byte) (int, error) {
	_, _ = c.ResponseWriter.Write(p) // a client that has gone can be told nothing
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	return len(p), nil
}

// readPrelude reads what comes before the body: JSON with no more than four
// fields, and eight zero bytes.
func readPrelude(stream *bufio.Reader, contentType string) (answer Answer, size int64, err error) {
	const want = "application/vnd.awslambda.http-integration-response"
	if contentType != want {
		return Answer{}, 0, fmt.Errorf("%w: the stream is of type %q, not %q", ErrMalformed, contentType, want)
	}
	var prelude struct {
		Status            int                 `json:"statusCode"`
		Headers           map[string]string   `json:"headers"`
		MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
		Cookies           []string            `json:"cookies"`
	}
	text, err := cutPrelude(stream)
	if err != nil {
		return Answer{}, 0, err
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&prelude); err != nil {
		return Answer{}, 0, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	if prelude.Status < 100 || prelude.Status > 599 {
		return Answer{}, 0, fmt.Errorf("%w: status code %d", ErrMalformed, prelude.Status)
	}
	w := wire{Headers: prelude.Headers, MultiValueHeaders: prelude.MultiValueHeaders, Cookies: prelude.Cookies}
	return Answer{Status: prelude.Status, Header: w.header()}, int64(len(text) + len(delimiter)), nil
}

var delimiter = make([]byte, 8)

// cutPrelude takes the JSON and the zero bytes from the front.
func cutPrelude(stream *bufio.Reader) ([]byte, error) {
	var text []byte
	for len(text) < maxPrelude {
		part, err := stream.ReadSlice(0)
		text = append(text, part...)
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return nil, fmt.Errorf("%w: no zero bytes before the end of the stream: %w", ErrMalformed, err)
		}
		if front, ok := bytes.CutSuffix(text, delimiter); ok {
			return front, nil
		}
	}
	return nil, fmt.Errorf("%w: no zero bytes among the first %d", ErrMalformed, maxPrelude)
}
