package lambdahttp

import (
	"context"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"
	"github.com/awslabs/aws-lambda-go-api-proxy/core"
)

// request makes the request that the client sent, as net/http's server would
// have, but for RemoteAddr, which has no port.
func (e *event) request(ctx context.Context, base string) (*http.Request, error) {
	method := e.method()
	if !isToken(method) {
		return nil, errMethod
	}
	header := e.header()
	body, err := newBody(e.body, e.IsBase64Encoded, isMultipart(header))
	if err != nil {
		return nil, err
	}
	info := e.info(ctx, header)
	ctx = context.WithValue(ctx, infoKey{}, info)
	ctx = context.WithValue(ctx, limitsKey{}, limitsOf(e.kind, e.streamed))
	r, err := e.convert(ctx, base, header, info)
	if err != nil {
		return nil, errEvent
	}
	r.Method = method
	r.Host = host(header, e.RequestContext.DomainName)
	r.Header.Del("Host")
	r.URL.Scheme = ""
	r.URL.RawQuery = e.query()
	r.RequestURI = r.URL.RequestURI()
	r.Body, r.GetBody = body, nil
	r.ContentLength = int64(body.Len())
	return r, nil
}

// convert hands the adapter an event that it cannot fail on and cannot change:
// the path is escaped and absolute, the method is a token, the domain is empty.
// It would put the method in capitals, encode the query anew and in any order;
// request sets both afterwards.
func (e *event) convert(ctx context.Context, base string, header http.Header, info Info) (*http.Request, error) {
	var adapter core.RequestAccessor
	return adapter.EventToRequestWithContext(ctx, events.APIGatewayProxyRequest{
		HTTPMethod:        e.method(),
		Path:              e.escapedPath(base),
		MultiValueHeaders: header,
		RequestContext: events.APIGatewayProxyRequestContext{
			RequestID: info.RequestID,
			Stage:     info.Stage,
			Identity:  events.APIGatewayRequestIdentity{SourceIP: info.SourceIP},
		},
	})
}

func (e *event) method() string {
	if e.RequestContext.HTTP != nil {
		return e.RequestContext.HTTP.Method
	}
	return e.HTTPMethod
}

// escapedPath is the path as the client sent it, without stage and base path.
// An HTTP API has decoded it, and a slash that was escaped is lost there; the
// others send it as it came. A named stage of an HTTP API is part of the path,
// on custom domains too.
func (e *event) escapedPath(base string) string {
	path := e.Path
	switch e.kind {
	case HTTPAPI:
		path = absolute(e.RawPath)
		if stage := e.RequestContext.Stage; stage != "" && stage != "$default" {
			path = trimSegments(path, "/"+stage)
		}
		path = (&url.URL{Path: path}).EscapedPath()
	case FunctionURL:
		path = e.RawPath
	}
	return trimSegments(escape(absolute(path), isPathByte), base)
}

// publicPath is the path of the client's URL. That of a REST API's own domain
// begins with the stage, which only requestContext.path has; `sam local` writes the
// route there.
func (e *event) publicPath() string {
	path := e.Path
	switch e.kind {
	case REST:
		if strings.HasSuffix(e.RequestContext.Path, e.Path) {
			path = e.RequestContext.Path
		}
	case HTTPAPI:
		path = (&url.URL{Path: absolute(e.RawPath)}).EscapedPath()
	case FunctionURL:
		path = e.RawPath
	}
	return escape(absolute(path), isPathByte)
}

// query is the query as the client sent it where the event has it so: for an
// HTTP API and a Function URL as one text, for a load balancer in pairs that are
// still encoded. A REST API has decoded it. In pairs the order of the names is
// lost; they come sorted.
func (e *event) query() string {
	values := oneOrMore(e.MultiValueQuery, e.Query)
	switch e.kind {
	case HTTPAPI, FunctionURL:
		return escape(e.RawQuery, isQueryByte)
	case ALB, ALBMultiValue:
		return escape(joinPairs(values), isQueryByte)
	}
	return url.Values(values).Encode()
}

// header has the headers as the client sent them. Where a REST API kept the
// spelling of names apart, their values come together, by order of spelling. An
// HTTP API and a Function URL have joined the values of a name with commas; no
// one can tell such a comma from one inside a value, so they stay joined.
func (e *event) header() http.Header {
	values := oneOrMore(e.MultiValueHeaders, e.Headers)
	header := make(http.Header, len(values)+1)
	for _, name := range slices.Sorted(maps.Keys(values)) {
		canonical := http.CanonicalHeaderKey(name)
		header[canonical] = append(header[canonical], values[name]...)
	}
	if len(e.Cookies) > 0 {
		header["Cookie"] = []string{strings.Join(e.Cookies, "; ")}
	}
	return header
}

func (e *event) info(ctx context.Context, header http.Header) Info {
	return Info{
		Kind:            e.kind,
		RequestID:       e.RequestContext.RequestID,
		LambdaRequestID: lambdaRequestID(ctx),
		SourceIP:        e.sourceIP(header),
		Stage:           e.RequestContext.Stage,
		Path:            e.publicPath(),
		TraceID:         traceID(ctx, header),
	}
}

// sourceIP is never what the client claims: of X-Forwarded-For, the load
// balancer has written the last element.
// https://docs.aws.amazon.com/elasticloadbalancing/latest/application/x-forwarded-headers.html
func (e *event) sourceIP(header http.Header) string {
	switch e.kind {
	case HTTPAPI, FunctionURL:
		return e.RequestContext.HTTP.SourceIP
	case ALB, ALBMultiValue:
		return lastForwarded(header["X-Forwarded-For"])
	}
	return e.RequestContext.Identity.SourceIP
}

func lastForwarded(values []string) string {
	if len(values) == 0 {
		return ""
	}
	last := values[len(values)-1]
	last = strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
	if withPort, err := netip.ParseAddrPort(last); err == nil {
		return withPort.Addr().String()
	}
	return last
}

// traceID prefers the invocation's own, which github.com/aws/aws-lambda-go puts
// under this key, to a header that a client can send.
func traceID(ctx context.Context, header http.Header) string {
	if id, ok := ctx.Value("x-amzn-trace-id").(string); ok && id != "" {
		return id
	}
	return header.Get("X-Amzn-Trace-Id")
}

func host(header http.Header, domain string) string {
	if h := header.Get("Host"); h != "" {
		return h
	}
	return domain
}

func isMultipart(header http.Header) bool {
	mediaType := strings.TrimSpace(header.Get("Content-Type"))
	return len(mediaType) > 10 && strings.EqualFold(mediaType[:10], "multipart/")
}

// oneOrMore returns many, or one in its shape where many is empty.
func oneOrMore(many map[string][]string, one map[string]string) map[string][]string {
	if len(many) > 0 {
		return many
	}
	out := make(map[string][]string, len(one))
	for name, value := range one {
		out[name] = []string{value}
	}
	return out
}

func joinPairs(values map[string][]string) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range values[name] {
			pairs = append(pairs, name+"="+value)
		}
	}
	return strings.Join(pairs, "&")
}

// cleanBase gives a base path the form that trimSegments takes.
func cleanBase(base string) string {
	base = strings.Trim(base, "/ ")
	if base == "" {
		return ""
	}
	return escape("/"+base, isPathByte)
}

// trimSegments takes prefix, whole segments such as "/a/b", off an absolute path.
func trimSegments(path, prefix string) string {
	rest, ok := strings.CutPrefix(path, prefix)
	switch {
	case !ok:
		return path
	case rest == "":
		return "/"
	case rest[0] != '/':
		return path
	}
	return rest
}

func absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// escape percent-encodes each byte that may not stand in a part of a URL. A
// percent sign stays where two hexadecimal digits follow.
func escape(s string, allowed func(byte) bool) string {
	const hex = "0123456789ABCDEF"
	var out strings.Builder
	kept := 0 // up to where s is in out, or needs no change
	for i := 0; i < len(s); i++ {
		c := s[i]
		if allowed(c) || c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			continue
		}
		out.WriteString(s[kept:i])
		out.Write([]byte{'%', hex[c>>4], hex[c&15]})
		kept = i + 1
	}
	if kept == 0 {
		return s
	}
	out.WriteString(s[kept:])
	return out.String()
}

// isPathByte allows what net/url keeps as it is in a path, so that
// URL.EscapedPath returns what was sent.
func isPathByte(c byte) bool {
	return isAlphanumeric(c) || strings.IndexByte("-_.~/!$&'()*+,;=:@[]", c) >= 0
}

// isQueryByte allows what net/http's server accepts in a query, a lone percent
// sign included, which is for the handler to judge.
func isQueryByte(c byte) bool {
	return c > ' ' && c < 0x7f && c != '#'
}

// isToken tells a method or a header's name from other text (RFC 9110, 5.6.2).
func isToken(s string) bool {
	for i := 0; i < len(s); i++ {
		if !isAlphanumeric(s[i]) && strings.IndexByte("!#$%&'*+-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}
