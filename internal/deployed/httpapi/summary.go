package httpapi

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"time"

	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/upload"
)

// Summary is what is worth knowing of a request once it is answered. It holds
// no session key, no URL and no content.
type Summary struct {
	RequestID    string // of the gateway, or of Lambda where the gateway gives none
	LambdaID     string // of the invocation, as Lambda's own log lines have it
	TraceID      string // of X-Ray
	SourceIP     string
	Method       string
	Route        string // the pattern, not the path; empty if no route was found
	Conversation string
	Status       int
	Stored       int   // files
	Skipped      int   // files
	Bytes        int64 // stored
	StoreFailed  bool  // the store failed for all or some of the files
	Duration     time.Duration
	Cause        error // of an answer that is not a success, or not whole

	start     time.Time
	companion bool     // as in Route
	failed    []string // causes of single files, up to maxCauses
}

// maxCauses bounds the log line of a request whose files failed one by one.
const maxCauses = 10

func begin(r *http.Request) *Summary {
	info, _ := lambdahttp.InfoFrom(r.Context())
	return &Summary{
		RequestID: cmp.Or(info.RequestID, info.LambdaRequestID),
		LambdaID:  info.LambdaRequestID,
		TraceID:   info.TraceID,
		SourceIP:  info.SourceIP,
		Method:    r.Method,
		start:     time.Now(),
	}
}

// Add counts the files of an upload.
func (s *Summary) Add(outcomes []upload.Outcome) {
	for _, o := range outcomes {
		if o.Skip == nil {
			s.Stored++
			s.Bytes += o.Receipt.Size
		} else {
			s.Skipped++
		}
		if o.Err != nil {
			s.FileFailed(o.Err)
		}
	}
}

// FileFailed notes that the store failed for one of the files of a request.
func (s *Summary) FileFailed(err error) {
	s.StoreFailed = true
	if len(s.failed) < maxCauses {
		s.failed = append(s.failed, err.Error())
	}
}

// level is that of an error for what the client cannot mend, and of no error for
// what a wrong request causes.
func (s *Summary) level() slog.Level {
	isBrokenOff := s.Cause != nil && s.Status < http.StatusBadRequest
	if s.Status >= http.StatusInternalServerError || s.StoreFailed || isBrokenOff {
		return slog.LevelError
	}
	return slog.LevelInfo
}

// log writes the one line of the request. A line that carries metrics is written
// whatever the log's level: alarms depend on it.
func (s *Summary) log(ctx context.Context, log *slog.Logger, metrics []slog.Attr) {
	level := s.level()
	attrs := []slog.Attr{
		slog.String("request_id", s.RequestID),
		slog.String("lambda_request_id", s.LambdaID),
		slog.String("method", s.Method),
		slog.String("route", s.Route),
		slog.String("conversation", s.Conversation),
		slog.Int("status", s.Status),
		slog.Int("files", s.Stored),
		slog.Int("skipped", s.Skipped),
		slog.Int64("bytes", s.Bytes),
		slog.Float64("duration_ms", float64(s.Duration.Microseconds())/1000),
		slog.String("source_ip", s.SourceIP),
	}
	if s.TraceID != "" {
		attrs = append(attrs, slog.String("trace_id", s.TraceID))
	}
	if s.Cause != nil {
		attrs = append(attrs, slog.String("cause", s.Cause.Error()))
	}
	if len(s.failed) > 0 {
		attrs = append(attrs, slog.Any("file_causes", s.failed))
	}
	if len(metrics) == 0 {
		log.LogAttrs(ctx, level, "request", attrs...)
		return
	}
	line := slog.NewRecord(time.Now(), level, "request", 0)
	line.AddAttrs(attrs...)
	line.AddAttrs(metrics...)
	_ = log.Handler().Handle(ctx, line) // a log that cannot be written must not fail a request
}
