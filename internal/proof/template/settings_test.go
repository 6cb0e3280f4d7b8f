package template_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/proof/template"
)

// environment is what the template gives a function; what is a reference to a
// resource still has its name.
func environment(t *testing.T, function string, parameters ...string) map[string]string {
	t.Helper()
	value, err := get(read(t), function+".Properties.Environment.Variables", parameters...)
	if err != nil {
		t.Fatal(err)
	}
	variables := map[string]string{}
	for name, value := range value.(object) {
		if reference, ok := value.(object); ok {
			value = reference["Ref"]
		}
		variables[name] = fmt.Sprint(value)
	}
	return variables
}

// parsers read the settings of each function, and give them as text.
var parsers = map[string]func(getenv func(string) string) (string, error){
	lambda: func(getenv func(string) string) (string, error) {
		settings, err := uploadfunction.ParseSettings(getenv)
		return fmt.Sprintf("%+v", settings), err
	},
	filesLambda: func(getenv func(string) string) (string, error) {
		settings, err := filesfunction.ParseSettings(getenv)
		return fmt.Sprintf("%+v", settings), err
	},
}

// besides are what no setting is: of the Go runtime, and what makes a version another.
var besides = map[string][]string{lambda: {"GOGC", "GOMAXPROCS", given}, filesLambda: {given}}

func TestEnvironmentIsWhatTheFunctionReads(t *testing.T) {
	for function, parse := range parsers {
		var reads []string
		_, _ = parse(func(name string) string { // what is missing is not the question
			if !strings.HasPrefix(name, "AWS_") { // of Lambda and the SDK
				reads = append(reads, name)
			}
			return ""
		})
		reads = append(reads, besides[function]...)
		slices.Sort(reads)
		gives := slices.Sorted(maps.Keys(environment(t, function)))
		if diff := cmp.Diff(slices.Compact(reads), gives); diff != "" {
			t.Errorf("settings that %s reads (-) and the template gives (+):\n%s", function, diff)
		}
	}
}

func TestDefaultsOfTheTemplateAreThoseOfTheFunction(t *testing.T) {
	for function, parse := range parsers {
		variables := environment(t, function)
		withDefaults, err := parse(func(name string) string { return variables[name] })
		if err != nil {
			t.Fatalf("%s refuses the template's defaults: %v", function, err)
		}
		required := map[string]string{"UPLOAD_BUCKET": "UploadBucket", "SESSION_KEY_SECRET": "SessionKeySecret",
			"RESPONSE_STREAMING": variables["RESPONSE_STREAMING"]} // the template's events decide it
		bare, err := parse(func(name string) string { return required[name] })
		if err != nil {
			t.Fatal(err)
		}
		if withDefaults != bare {
			t.Errorf("settings of %s by the template's defaults are\n%s\nbut by the function's\n%s", function, withDefaults, bare)
		}
	}
}

func TestFunctionTakesWhatTheTemplateTakes(t *testing.T) {
	for function, parse := range parsers {
		variables := environment(t, function, "UploadPrefix=a/b.c/", "SessionKeyCache=1h", "SessionKeyPreviousWindow=0s", "UrlExpiry=168h",
			"S3PublicEndpoint=https://s3.example.com:8443", "MaxFiles=100000", "MaxFileSize=999999999999999",
			"MaxDirectFileSize=53687091200000",
			"AllowedTypes=image/*, application/vnd.ms-excel", "AllowedExtensions=.tar.gz, PDF",
			"CorsAllowedOrigins=https://a.example,http://localhost:8080", "SkippedFiles=objects", "LogLevel=error",
			"RequireTag=GuardDutyMalwareScanStatus=NO_THREATS_FOUND")
		if _, err := parse(func(name string) string { return variables[name] }); err != nil {
			t.Errorf("%s: %v", function, err)
		}
	}
}

// metrics runs a request through the function and returns what its log line
// says to CloudWatch: the namespace, the dimension and the names of the metrics.
func metrics(t *testing.T) (namespace, dimension string, names []string) {
	t.Helper()
	var log bytes.Buffer
	function := uploadfunction.New(aws.Config{Region: "eu-central-1"}, uploadfunction.Settings{Shared: function.Shared{Bucket: "b", Secret: "s", Function: "f"}},
		slog.New(slog.NewJSONHandler(&log, nil)))
	event := `{"httpMethod":"GET","path":"/nowhere","resource":"/","requestContext":{"stage":"live"}}`
	if _, err := function.Invoke(context.Background(), []byte(event)); err != nil {
		t.Fatal(err)
	}
	var line struct {
		AWS struct {
			CloudWatchMetrics []struct {
				Namespace  string
				Dimensions [][]string
				Metrics    []struct{ Name string }
			}
		} `json:"_aws"`
	}
	if err := json.Unmarshal(log.Bytes(), &line); err != nil {
		t.Fatalf("log line %s: %v", log.Bytes(), err)
	}
	if len(line.AWS.CloudWatchMetrics) != 1 || len(line.AWS.CloudWatchMetrics[0].Dimensions) != 1 ||
		len(line.AWS.CloudWatchMetrics[0].Dimensions[0]) != 1 {
		t.Fatalf("log line %s has not metrics with one dimension", log.Bytes())
	}
	m := line.AWS.CloudWatchMetrics[0]
	for _, metric := range m.Metrics {
		names = append(names, metric.Name)
	}
	return m.Namespace, m.Dimensions[0][0], names
}

func TestAlarmsWatchMetricsThatTheFunctionSends(t *testing.T) {
	namespace, dimension, names := metrics(t)
	watched := 0
	for name, alarm := range alarms {
		for _, m := range own(alarm, namespace) {
			watched++
			if metric := m["MetricName"].(string); !slices.Contains(names, metric) {
				t.Errorf("%s watches %s, which the function does not send", name, metric)
			}
			if got, _ := template.At(m, "Dimensions", "0", "Name"); got != dimension {
				t.Errorf("%s looks at the dimension %v, the function sends %s", name, got, dimension)
			}
		}
	}
	if watched != 4 {
		t.Errorf("alarms watch %d of the functions' own metrics in namespace %s, want two of each function", watched, namespace)
	}
}

// own are the metrics of a namespace that an alarm watches.
func own(alarm object, namespace string) []object {
	var found []object
	items, _ := alarm["Metrics"].([]any)
	for _, item := range items {
		if m, ok := template.At(item, "MetricStat", "Metric"); ok && m.(object)["Namespace"] == namespace {
			found = append(found, m.(object))
		}
	}
	return found
}

func TestDashboardShowsEveryMetricOfTheFunction(t *testing.T) {
	namespace, dimension, names := metrics(t)
	value, err := get(read(t), "Resources.Dashboard.Properties.DashboardBody.Fn::Sub")
	if err != nil {
		t.Fatal(err)
	}
	var body struct {
		Widgets []struct {
			Properties struct{ Metrics [][]any }
		}
	}
	if err := json.Unmarshal([]byte(value.(string)), &body); err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, widget := range body.Widgets {
		var previous []any
		for _, metric := range widget.Properties.Metrics {
			metric = unabridged(metric, previous)
			previous = metric
			if metric[0] == namespace {
				shown[fmt.Sprint(metric[1])] = true
				if metric[2] != dimension {
					t.Errorf("the dashboard shows %s by %s", metric[1], metric[2])
				}
			}
		}
	}
	got := slices.Sorted(maps.Keys(shown))
	slices.Sort(names)
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("metrics that the function sends (-) and the dashboard shows (+):\n%s", diff)
	}
}

// unabridged writes out the "." and "..." of a dashboard's metric, which repeat
// the one before
// (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html).
func unabridged(metric, previous []any) []any {
	if metric[0] == "..." {
		return previous
	}
	out := slices.Clone(metric)
	for i, field := range out {
		if field == "." {
			out[i] = previous[i]
		}
	}
	return out
}
