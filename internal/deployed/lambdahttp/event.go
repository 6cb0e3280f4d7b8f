package lambdahttp

import (
	"bytes"
	"encoding/json"
	"strings"

	"github.com/buger/jsonparser"
)

// A Kind says who sent an event, and so what shape its answer has.
type Kind string

// The kinds of event. The zero Kind is an event of no HTTP request.
const (
	REST          Kind = "rest"           // API Gateway REST API, and payload format 1.0
	HTTPAPI       Kind = "http"           // API Gateway HTTP API, payload format 2.0
	FunctionURL   Kind = "function-url"   // Lambda Function URL
	ALB           Kind = "alb"            // Application Load Balancer
	ALBMultiValue Kind = "alb-multivalue" // the same with multi-value headers turned on
)

// A refusal is why an event cannot be served, worded for the client.
type refusal string

const (
	errEvent  refusal = "The event is not an HTTP request"
	errMethod refusal = "The request method is malformed"
)

func (r refusal) Error() string { return string(r) }

// event has the fields of all kinds of event, as far as they are used. The body
// is not among them: it is cut out before.
type event struct {
	HTTPMethod        string              `json:"httpMethod"`
	Path              string              `json:"path"`
	RawPath           string              `json:"rawPath"`
	RawQuery          string              `json:"rawQueryString"`
	Query             map[string]string   `json:"queryStringParameters"`
	MultiValueQuery   map[string][]string `json:"multiValueQueryStringParameters"`
	Headers           map[string]string   `json:"headers"`
	MultiValueHeaders map[string][]string `json:"multiValueHeaders"`
	Cookies           []string            `json:"cookies"`
	IsBase64Encoded   bool                `json:"isBase64Encoded"`
	RequestContext    requestContext      `json:"requestContext"`

	kind     Kind
	body     body
	streamed bool // whether its answer is
}

type requestContext struct {
	RequestID  string `json:"requestId"`
	Stage      string `json:"stage"`
	Path       string `json:"path"`
	DomainName string `json:"domainName"`
	Identity   struct {
		SourceIP string `json:"sourceIp"`
	} `json:"identity"`
	HTTP *struct {
		Method   string `json:"method"`
		SourceIP string `json:"sourceIp"`
	} `json:"http"`
	ELB *struct{} `json:"elb"`
}

// body is where an event's body lies in the payload.
type body struct {
	quoted  []byte // the JSON string with its quotes; nil where there is none
	escaped bool   // whether a backslash is in it
}

// parse reads an event without decoding its body. With an error, the event
// still tells its kind, as far as it could be read.
func parse(payload []byte) (*event, error) {
	e := &event{}
	rest, body, bodyErr := cutBody(payload)
	err := json.Unmarshal(rest, e)
	e.kind = e.recognise()
	e.body = body
	if err != nil || bodyErr != nil || e.kind == "" {
		return e, errEvent
	}
	return e, nil
}

// recognise goes by what only one sender writes:
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html,
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html and
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
func (e *event) recognise() Kind {
	context := e.RequestContext
	switch {
	case context.ELB != nil && e.MultiValueHeaders != nil:
		return ALBMultiValue
	case context.ELB != nil:
		return ALB
	case context.HTTP != nil && strings.Contains(context.DomainName, ".lambda-url."):
		return FunctionURL
	case context.HTTP != nil:
		return HTTPAPI
	case e.HTTPMethod != "":
		return REST
	}
	return ""
}

// span is where a string's content lies in a document, quotes not included.
type span struct{ start, end int }

// cutBody splits a payload into the event without its body's content, which is
// a copy, and the body, which is not.
//
// A library's scan of 6 MB takes a millisecond. So a large body is guessed and
// cut out first, and the library proves the guess on what is left: if the empty
// string in its place is the top-level body, so was the string, which holds
// neither quotes nor backslashes.
func cutBody(payload []byte) (rest []byte, _ body, _ error) {
	if at, ok := guessBody(payload); ok {
		rest := cut(payload, at)
		if proof, found, _ := findBody(rest); found && proof == (span{at.start, at.start}) {
			return rest, body{quoted: payload[at.start-1 : at.end+1]}, nil
		}
	}
	at, found, err := findBody(payload)
	if !found {
		return payload, body{}, err
	}
	return cut(payload, at), body{
		quoted:  payload[at.start-1 : at.end+1],
		escaped: bytes.IndexByte(payload[at.start:at.end], '\\') >= 0,
	}, nil
}

// bodyStart is how a body begins in the events of AWS, which have no spaces. A
// client can send a query or a header that begins so too.
var bodyStart = []byte(`"body":"`)

// guessBody finds a string without escapes that begins as a body does and fills
// more than half of the payload.
func guessBody(payload []byte) (at span, ok bool) {
	for {
		i := bytes.Index(payload[at.start:], bodyStart)
		if i < 0 {
			return span{}, false
		}
		at.start += i + len(bodyStart)
		size, plain := plainString(payload[at.start:])
		at.end = at.start + size
		if size > len(payload)/2 {
			return at, plain
		}
	}
}

// scanBlock is how much of a body is looked at twice while it is in the
// processor's cache.
const scanBlock = 32 << 10

// plainString returns how many bytes stand before the first quote, and whether a
// string ends there: none of them is a backslash, and the quote is there.
func plainString(s []byte) (size int, ok bool) {
	for size < len(s) {
		block := s[size:min(len(s), size+scanBlock)]
		quote := bytes.IndexByte(block, '"')
		if quote >= 0 {
			block = block[:quote]
		}
		if bytes.IndexByte(block, '\\') >= 0 {
			return size, false
		}
		size += len(block)
		if quote >= 0 {
			return size, true
		}
	}
	return size, false
}

// findBody finds the top-level string "body"; of several, the last, as
// encoding/json does. A body that is neither a string nor null is an error. It
// judges the rest of the document only as far as it has to.
func findBody(document []byte) (at span, found bool, err error) {
	err = jsonparser.ObjectEach(document, func(key, value []byte, t jsonparser.ValueType, end int) error {
		if string(key) != "body" {
			return nil
		}
		found = t == jsonparser.String
		if !found && t != jsonparser.Null {
			return errEvent
		}
		at = span{end - 1 - len(value), end - 1}
		return nil
	})
	return at, found && err == nil, err
}

func cut(document []byte, at span) []byte {
	rest := make([]byte, 0, at.start+len(document)-at.end)
	return append(append(rest, document[:at.start]...), document[at.end:]...)
}
