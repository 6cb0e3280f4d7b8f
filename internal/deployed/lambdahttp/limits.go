package lambdahttp

import "context"

// Limits are how many bytes of a request and of its answer are handed on. They
// depend on who sent the event, and on whether the answer is streamed.
type Limits struct {
	Body   int // of a request's body, decoded
	Answer int // of an answer that is not streamed: of its JSON, with headers and base64
	Text   int // of the text in an answer's body, as it stands in that JSON
	Binary int // of the bytes in an answer's body, which base64 makes a third more where it is not streamed
}

// answerHeader is what is kept of an answer for what is not its body.
const answerHeader = 64 << 10

// limitsOf are those of AWS:
//
//   - An event has 6 MB, and so has an answer
//     (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
//   - A load balancer takes 1 MB of a body, and 1 MB of an answer's JSON. Of
//     more, it makes a 502. Which MB is not said: the larger is what it may hand
//     on to us, the smaller is what it is given
//     (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html).
//   - A stream has 200 MB
//     (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html).
func limitsOf(kind Kind, streamed bool) Limits {
	l := Limits{Body: 6 << 20, Answer: 6 << 20}
	if kind == ALB || kind == ALBMultiValue {
		l = Limits{Body: 1 << 20, Answer: 1_000_000}
	}
	l.Text = l.Answer - answerHeader
	l.Binary = l.Text / 4 * 3
	if streamed {
		l.Text = 200_000_000 - answerHeader
		l.Binary = l.Text
	}
	return l
}

type limitsKey struct{}

// LimitsFrom returns the limits of the request whose context is ctx: those of
// Lambda itself where it came from no event.
func LimitsFrom(ctx context.Context) Limits {
	if l, ok := ctx.Value(limitsKey{}).(Limits); ok {
		return l
	}
	return limitsOf("", false)
}
