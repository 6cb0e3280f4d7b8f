// Package gateway stands in for what invokes the function on AWS: it turns an
// HTTP request into the event that a REST API, an HTTP API, a Function URL or a
// load balancer would send, and the function's answer back into HTTP.
//
// It follows AWS's documentation and, where that is silent (which paths arrive
// decoded, how headers are joined, what becomes base64), events seen live.
// It differs in that a binary answer is always decoded, where a REST API does
// so only if the request's Accept names a binary media type.
package gateway

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"uploadfiles/internal/deployed/lambdahttp"
)

// Options are what a gateway is set to. The zero value is a REST API without
// binary media types, or an HTTP API with the stage $default.
type Options struct {
	// Stage is the stage's name. Empty means "$default" for an HTTP API and
	// "Prod", SAM's own, for a REST API. Others have no stages.
	Stage string

	// CustomDomain says that requests come by a domain of one's own, whose URLs
	// have no stage; those of a REST API's own domain begin with it.
	CustomDomain bool

	// BinaryTypes are a REST API's binary media types: exact ones, or "*/*".
	// The body of any other type is forced into UTF-8, which destroys binary
	// data, as AWS does it.
	BinaryTypes []string

	// RequestID is the gateway's id of the request. Empty means a random one.
	RequestID string
}

type object map[string]any

// Event returns the event that a gateway of this kind sends for a request with
// this body. It does not read r.Body. The request is one to the API itself: its
// path holds no stage.
func Event(kind lambdahttp.Kind, r *http.Request, body []byte, o Options) ([]byte, error) {
	if o.RequestID == "" {
		o.RequestID = newID()
	}
	var event object
	switch kind {
	case lambdahttp.REST:
		event = restEvent(r, body, o)
	case lambdahttp.HTTPAPI:
		event = httpAPIEvent(r, body, o)
	case lambdahttp.FunctionURL:
		event = functionURLEvent(r, body, o)
	case lambdahttp.ALB, lambdahttp.ALBMultiValue:
		event = loadBalancerEvent(kind, r, body)
	default:
		return nil, fmt.Errorf("no gateway of kind %q", kind)
	}
	return json.Marshal(event)
}

// restEvent is described in
// https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html.
// The path is not decoded, the query is. Of a name that comes twice the single
// maps keep the last value.
func restEvent(r *http.Request, body []byte, o Options) object {
	header := forwarded(r)
	header.Del("Content-Length")
	query := r.URL.Query()
	path := r.URL.EscapedPath()
	stage := or(o.Stage, "Prod")
	publicPath := "/" + stage + path
	if o.CustomDomain {
		publicPath = path
	}
	now := time.Now().UTC()
	event := object{
		"resource":                        "/{proxy+}",
		"path":                            path,
		"httpMethod":                      r.Method,
		"headers":                         orNull(lastValues(header)),
		"multiValueHeaders":               orNull(header),
		"queryStringParameters":           orNull(lastValues(query)),
		"multiValueQueryStringParameters": orNull(query),
		"pathParameters":                  object{"proxy": strings.TrimPrefix(path, "/")},
		"stageVariables":                  nil,
		"requestContext": object{
			"accountId":        "123456789012",
			"apiId":            "local",
			"domainName":       r.Host,
			"httpMethod":       r.Method,
			"identity":         object{"sourceIp": sourceIP(r), "userAgent": r.UserAgent()},
			"path":             publicPath,
			"protocol":         r.Proto,
			"requestId":        o.RequestID,
			"requestTime":      now.Format("02/Jan/2006:15:04:05 -0700"),
			"requestTimeEpoch": now.UnixMilli(),
			"resourcePath":     "/{proxy+}",
			"stage":            stage,
		},
		"body": nil,
	}
	putBody(event, body, isBinaryType(r, o.BinaryTypes))
	return event
}

// httpAPIEvent has the payload format 2.0:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html.
// Its rawPath is decoded and begins with a named stage; cookies are not among
// the headers.
func httpAPIEvent(r *http.Request, body []byte, o Options) object {
	o.Stage = or(o.Stage, "$default")
	path := r.URL.Path
	if o.Stage != "$default" {
		path = "/" + o.Stage + path
	}
	event := formatTwo(r, body, path, path, r.Host, o)
	delete(event["headers"].(map[string]string), "cookie")
	return event
}

// functionURLEvent has the same format, with the path as it was sent and the
// cookies in both places:
// https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html.
func functionURLEvent(r *http.Request, body []byte, o Options) object {
	o.Stage = "$default"
	return formatTwo(r, body, r.URL.EscapedPath(), r.URL.Path, "local.lambda-url.us-east-1.on.aws", o)
}

func formatTwo(r *http.Request, body []byte, rawPath, path, domain string, o Options) object {
	now := time.Now().UTC()
	event := object{
		"version":        "2.0",
		"routeKey":       "$default",
		"rawPath":        rawPath,
		"rawQueryString": r.URL.RawQuery,
		"headers":        joined(lowerNames(forwarded(r))),
		"requestContext": object{
			"accountId":  "123456789012",
			"apiId":      "local",
			"domainName": domain,
			"http": object{
				"method":    r.Method,
				"path":      path,
				"protocol":  r.Proto,
				"sourceIp":  sourceIP(r),
				"userAgent": r.UserAgent(),
			},
			"requestId": o.RequestID,
			"routeKey":  "$default",
			"stage":     o.Stage,
			"time":      now.Format("02/Jan/2006:15:04:05 -0700"),
			"timeEpoch": now.UnixMilli(),
		},
	}
	if cookies := cookies(r); len(cookies) > 0 {
		event["cookies"] = cookies
	}
	if query := r.URL.Query(); len(query) > 0 {
		event["queryStringParameters"] = joined(query)
	}
	putBody(event, body, !isTextType(r))
	return event
}

// loadBalancerEvent is described in
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html.
// Path and query are as they were sent. Without multi-value headers only the
// last value of a name gets through.
func loadBalancerEvent(kind lambdahttp.Kind, r *http.Request, body []byte) object {
	header := lowerNames(forwarded(r))
	query := rawPairs(r.URL.RawQuery)
	event := object{
		"requestContext": object{"elb": object{
			"targetGroupArn": "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/local/0123456789abcdef",
		}},
		"httpMethod": r.Method,
		"path":       r.URL.EscapedPath(),
		"body":       "",
	}
	if kind == lambdahttp.ALBMultiValue {
		event["multiValueHeaders"] = header
		event["multiValueQueryStringParameters"] = query
	} else {
		event["headers"] = lastValues(header)
		event["queryStringParameters"] = lastValues(query)
	}
	putBody(event, body, !isTextType(r) || r.Header.Get("Content-Encoding") != "")
	return event
}

// putBody adds a body, if there is one. In text, json.Marshal replaces each byte
// that is not UTF-8 by U+FFFD, which is what the gateways do.
func putBody(event object, body []byte, binary bool) {
	event["isBase64Encoded"] = binary && len(body) > 0
	switch {
	case len(body) == 0:
	case binary:
		event["body"] = base64.StdEncoding.EncodeToString(body)
	default:
		event["body"] = string(body)
	}
}

// isBinaryType is a REST API's rule:
// https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-payload-encodings.html.
func isBinaryType(r *http.Request, binary []string) bool {
	return slices.Contains(binary, "*/*") || slices.Contains(binary, mediaType(r))
}

// isTextType is a load balancer's documented rule; the HTTP API and the Function
// URL have been seen to follow the same.
func isTextType(r *http.Request) bool {
	switch t := mediaType(r); t {
	case "application/json", "application/javascript", "application/xml":
		return true
	default:
		return strings.HasPrefix(t, "text/")
	}
}

// mediaType cuts the parameters off without a look at them, which may be wrong.
func mediaType(r *http.Request) string {
	t, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.ToLower(strings.TrimSpace(t))
}

// forwarded returns the request's headers and what every gateway adds.
func forwarded(r *http.Request) http.Header {
	header := r.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	header.Set("Host", r.Host)
	header.Set("X-Forwarded-For", strings.Join(append(r.Header.Values("X-Forwarded-For"), sourceIP(r)), ", "))
	proto, port := "http", "80"
	if r.TLS != nil {
		proto, port = "https", "443"
	}
	if _, p, err := net.SplitHostPort(r.Host); err == nil {
		port = p
	}
	header.Set("X-Forwarded-Proto", proto)
	header.Set("X-Forwarded-Port", port)
	if header.Get("X-Amzn-Trace-Id") == "" {
		header.Set("X-Amzn-Trace-Id", newTraceID())
	}
	if r.ContentLength > 0 {
		header.Set("Content-Length", strconv.FormatInt(r.ContentLength, 10))
	}
	return header
}

func sourceIP(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

func cookies(r *http.Request) []string {
	var out []string
	for _, line := range r.Header.Values("Cookie") {
		for cookie := range strings.SplitSeq(line, ";") {
			out = append(out, strings.TrimSpace(cookie))
		}
	}
	return out
}

// rawPairs splits a query without decoding it.
func rawPairs(query string) map[string][]string {
	pairs := map[string][]string{}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		pairs[name] = append(pairs[name], value)
	}
	return pairs
}

func lastValues(values map[string][]string) map[string]string {
	out := make(map[string]string, len(values))
	for name, list := range values {
		if len(list) > 0 {
			out[name] = list[len(list)-1]
		}
	}
	return out
}

func joined(values map[string][]string) map[string]string {
	out := make(map[string]string, len(values))
	for name, list := range values {
		out[name] = strings.Join(list, ",")
	}
	return out
}

func lowerNames(header http.Header) map[string][]string {
	out := make(map[string][]string, len(header))
	for name, list := range header {
		out[strings.ToLower(name)] = list
	}
	return out
}

func orNull[M ~map[string]V, V any](m M) any {
	if len(m) == 0 {
		return nil
	}
	return m
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// newID returns a random UUID (RFC 9562, version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// newTraceID returns a value of X-Amzn-Trace-Id:
// https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html.
func newTraceID() string {
	var b [12]byte
	_, _ = rand.Read(b[:])
	return fmt.Sprintf("Root=1-%08x-%x", time.Now().Unix(), b)
}
