package function

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"uploadfiles/internal/deployed/httpapi"
)

// metrics puts the figures that the alarms watch into the log line of a request,
// in CloudWatch's embedded metric format: CloudWatch takes them out of the log
// by itself, so that no request waits for a metric
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
type metrics struct {
	function      string       // the one dimension
	refreshFailed atomic.Int64 // since the last line
}

const metricNamespace = "UploadFiles"

type emf struct {
	Timestamp         int64          `json:"Timestamp"` // Unix milliseconds
	CloudWatchMetrics []emfDirective `json:"CloudWatchMetrics"`
}

type emfDirective struct {
	Namespace  string      `json:"Namespace"`
	Dimensions [][]string  `json:"Dimensions"`
	Metrics    []emfMetric `json:"Metrics"`
}

type emfMetric struct {
	Name string `json:"Name"`
	Unit string `json:"Unit"`
}

// The metrics, which the template's alarms and dashboard name.
var metricDirective = []emfDirective{{
	Namespace:  metricNamespace,
	Dimensions: [][]string{{"Function"}},
	Metrics: []emfMetric{
		{"Requests", "Count"},
		{"FilesStored", "Count"},
		{"FilesSkipped", "Count"},
		{"BytesStored", "Bytes"},
		{"AuthenticationFailures", "Count"},
		{"StoreFailures", "Count"},
		{"SecretRefreshFailures", "Count"},
		{"Duration", "Milliseconds"},
	},
}}

func (m *metrics) attrs(s httpapi.Summary) []slog.Attr {
	return []slog.Attr{
		slog.Any("_aws", emf{time.Now().UnixMilli(), metricDirective}),
		slog.String("Function", m.function),
		slog.Int("Requests", 1),
		slog.Int("FilesStored", s.Stored),
		slog.Int("FilesSkipped", s.Skipped),
		slog.Int64("BytesStored", s.Bytes),
		slog.Int("AuthenticationFailures", count(s.Status == http.StatusUnauthorized)),
		slog.Int("StoreFailures", count(s.StoreFailed)),
		slog.Int64("SecretRefreshFailures", m.refreshFailed.Swap(0)),
		slog.Float64("Duration", float64(s.Duration.Microseconds())/1000),
	}
}

func count(b bool) int {
	if b {
		return 1
	}
	return 0
}
