package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/lambdacontext"

	"uploadfiles/internal/deployed/lambdahttp"
)

// A Function answers events, as Lambda has it do.
type Function interface {
	Invoke(ctx context.Context, event []byte) ([]byte, error)
}

// API is a REST API whose requests are answered by functions, within the limits
// of API Gateway and Lambda. Its own answers are those that template.yaml words.
// Function is required.
type API struct {
	Function      Function     // answers what no route names
	Routes        []Route      // the first that matches answers
	MaxDirectFile int64        // bytes in a file that goes straight to S3, for who sent too large a request
	Origins       []string     // that the function gives CORS headers; with any, so do the API's own answers
	Log           *slog.Logger // of requests that got no answer of the function; nil means no log
}

// Limits of the platform. The quotas of a REST API
// (https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html)
// and of Lambda (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html),
// whose 6 MB are 6,291,456 bytes for an event and 100 more for an answer, as its
// error messages say.
const (
	maxHeader = 10240            // bytes of request line and header values
	maxBody   = 10 << 20         // bytes of a request's body
	maxEvent  = 6 << 20          // bytes of JSON to the function
	maxAnswer = 6<<20 + 100      // bytes of JSON from it
	deadline  = 28 * time.Second // of the function, as template.yaml sets it
	patience  = 29 * time.Second // of the gateway
)

// maxDrop is how many bytes of a refused body are read to be dropped: many
// clients look for an answer only when they have sent it all.
const maxDrop = 100 << 20

// A refusal is an answer that the API gives in the function's place.
type refusal struct {
	kind       string // of API Gateway's gateway responses
	status     int
	detail     string
	retryAfter string // seconds; empty means no such header
}

var (
	headerTooLarge = refusal{"DEFAULT_4XX", http.StatusRequestHeaderFieldsTooLarge,
		"HTTP header is larger than 10240 bytes.", ""}
	unreadable = refusal{"DEFAULT_4XX", http.StatusBadRequest, "Bad Request", ""}
	tooLarge   = refusal{"REQUEST_TOO_LARGE", http.StatusRequestEntityTooLarge,
		"The request is too large. The files of one request may have about 4.4 MiB in all.", ""}
	failed   = refusal{"DEFAULT_5XX", http.StatusBadGateway, "Internal Server Error", ""}
	timedOut = refusal{"INTEGRATION_TIMEOUT", http.StatusGatewayTimeout,
		"The request took too long. Try again; nothing is stored twice.", "5"}
)

// refused is the error that leads to a refusal.
type refused struct {
	refusal
	cause error
}

func (r refused) Error() string { return r.cause.Error() }

// ServeHTTP answers with what the function answers, or with a refusal.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := newID()
	w.Header().Set("X-Amzn-Requestid", id)
	route := a.route(r)
	if route.Streamer != nil {
		a.serveStream(w, r, id, route.Streamer)
		return
	}
	answer, err := a.answer(r, id, route.Function)
	if err != nil {
		a.refuse(w, r, id, err)
		return
	}
	for name, values := range answer.Header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Status)
	w.Write(answer.Body) // a client that has gone can be told nothing
}

func (a *API) answer(r *http.Request, id string, f Function) (Answer, error) {
	event, err := a.event(r, id)
	if err != nil {
		return Answer{}, err
	}
	response, err := a.invoke(r.Context(), f, event)
	if err != nil {
		return Answer{}, err
	}
	if len(response) > maxAnswer {
		return Answer{}, refused{failed, fmt.Errorf("the answer has %d bytes, Lambda takes %d", len(response), maxAnswer)}
	}
	answer, err := Decode(lambdahttp.REST, response)
	if err != nil {
		return Answer{}, refused{failed, err}
	}
	return answer, nil
}

// event is what the function gets, or a refusal.
func (a *API) event(r *http.Request, id string) ([]byte, error) {
	if size := headerSize(r); size > maxHeader {
		return nil, refused{headerTooLarge, fmt.Errorf("request line and header values have %d bytes", size)}
	}
	body, err := readBody(r)
	if err != nil {
		return nil, err
	}
	event, err := Event(lambdahttp.REST, r, body, Options{
		CustomDomain: true,
		Stage:        "local",
		BinaryTypes:  []string{"multipart/form-data"},
		RequestID:    id,
	})
	if err != nil {
		return nil, refused{failed, err}
	}
	if len(event) > maxEvent {
		return nil, refused{tooLarge, fmt.Errorf("the event has %d bytes, Lambda takes %d", len(event), maxEvent)}
	}
	return event, nil
}

// headerSize counts what the quota counts: "request line and header values".
func headerSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len(r.Host)
	for _, values := range r.Header {
		for _, value := range values {
			size += len(value)
		}
	}
	return size
}

func readBody(r *http.Request) ([]byte, error) {
	if r.ContentLength > maxBody {
		drop(r)
		return nil, refused{tooLarge, fmt.Errorf("the body has %d bytes, API Gateway takes %d", r.ContentLength, maxBody)}
	}
	if r.ContentLength > 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, refused{unreadable, err}
		}
		return body, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return nil, refused{unreadable, err}
	}
	if len(body) > maxBody {
		drop(r)
		return nil, refused{tooLarge, fmt.Errorf("the body has more than %d bytes", maxBody)}
	}
	return body, nil
}

// drop reads the rest of a refused body, unless its client waits for leave to
// send it.
func drop(r *http.Request) {
	if r.Header.Get("Expect") == "" {
		io.CopyN(io.Discard, r.Body, maxDrop)
	}
}

// invoke gives the function its time. As on AWS, the function does not notice
// that its client goes away, and nobody waits for one that does not mind its
// deadline.
func (a *API) invoke(ctx context.Context, f Function, event []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), deadline)
	defer cancel()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{AwsRequestID: newID()})
	type result struct {
		response []byte
		err      error
	}
	done := make(chan result, 1)
	go func() {
		response, err := call(ctx, f, event)
		done <- result{response, err}
	}()
	select {
	case r := <-done:
		if r.err != nil {
			return nil, refused{failed, r.err}
		}
		return r.response, nil
	case <-time.After(patience):
		return nil, refused{timedOut, fmt.Errorf("no answer of the function in %s", patience)}
	}
}

// call turns a panic into a function error, which is what it is on AWS.
func call(ctx context.Context, f Function, event []byte) (response []byte, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the function panicked: %v", value)
		}
	}()
	return f.Invoke(ctx, event)
}

func (a *API) refuse(w http.ResponseWriter, r *http.Request, id string, err error) {
	refusal := failed
	if why := (refused{}); errors.As(err, &why) {
		refusal = why.refusal
	}
	if a.Log != nil {
		a.Log.WarnContext(r.Context(), "answered by the gateway",
			"request_id", id, "method", r.Method, "status", refusal.status, "cause", err.Error())
	}
	header := w.Header()
	header.Set("Content-Type", "application/json")
	if len(a.Origins) > 0 {
		header.Set("Access-Control-Allow-Origin", "*")
	}
	if refusal.retryAfter != "" {
		header.Set("Retry-After", refusal.retryAfter)
		if len(a.Origins) > 0 {
			header.Set("Access-Control-Expose-Headers", "Retry-After")
		}
	}
	body := refusalBody{Detail: refusal.detail}
	if refusal == tooLarge {
		body.Direct = &direct{Params: "s3/params", Multipart: "s3/multipart", MaxFileSize: a.MaxDirectFile}
	}
	w.WriteHeader(refusal.status)
	json.NewEncoder(w).Encode(body) // a client that has gone can be told nothing
}

type refusalBody struct {
	Detail string  `json:"detail"`
	Direct *direct `json:"direct,omitempty"`
}

// direct says how a file goes straight to S3: routes, relative to the request's,
// and how many bytes it may have.
type direct struct {
	Params      string `json:"params"`
	Multipart   string `json:"multipart"`
	MaxFileSize int64  `json:"max_file_size"`
}
