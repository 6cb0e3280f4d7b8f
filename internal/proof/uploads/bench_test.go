package uploads_test

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/proof/bench/load"
)

const benchKey = "benchmark-session-key"

// nothingKept answers as S3 and Secrets Manager do, without a network: what is
// left is what the function itself takes.
var nothingKept = roundTrip(func(r *http.Request) (*http.Response, error) {
	answer := &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}
	if r.Method == http.MethodPost {
		answer.Header.Set("Content-Type", "application/x-amz-json-1.1")
		answer.Body = io.NopCloser(strings.NewReader(`{"SecretString":"` + benchKey + `"}`))
		return answer, nil
	}
	_, err := io.Copy(io.Discard, r.Body)
	answer.Header.Set("ETag", `"0"`)
	return answer, err
})

func benchApp(tb testing.TB) *function.App {
	tb.Helper()
	settings, err := uploadfunction.ParseSettings(env())
	if err != nil {
		tb.Fatal(err)
	}
	return uploadfunction.New(aws.Config{
		Region: "eu-west-1", HTTPClient: nothingKept,
		Credentials: credentials.NewStaticCredentialsProvider("id", "secret", "token"),
	}, settings, slog.New(slog.NewJSONHandler(io.Discard, nil)))
}

// benchEvent is the event of an upload. Invoke overwrites it: each one gets a
// copy.
func benchEvent(tb testing.TB, size load.Size) []byte {
	tb.Helper()
	var files []namedFile
	for i := range size.Files {
		files = append(files, namedFile{size.FileName(i), size.Content(i)})
	}
	r, body := request(tb, "https://api.example.com/api/conversations/c/upload-files", benchKey, files...)
	event, err := gateway.Event(lambdahttp.REST, r, body, gateway.Options{BinaryTypes: []string{"*/*"}})
	if err != nil {
		tb.Fatal(err)
	}
	return event
}

func invokeOnce(tb testing.TB, a *function.App, event []byte) {
	tb.Helper()
	response, err := a.Invoke(tb.Context(), event)
	if err != nil || !bytes.Contains(response, []byte(`"statusCode":200`)) {
		tb.Fatalf("answered %.300s, %v", response, err)
	}
}

// BenchmarkUpload is the whole handler, from the event to the answer, but for
// the network.
func BenchmarkUpload(b *testing.B) {
	for _, size := range load.Sizes {
		b.Run(strings.ReplaceAll(size.Name, " ", ""), func(b *testing.B) {
			a, event := benchApp(b), benchEvent(b, size)
			buffer := make([]byte, len(event))
			b.SetBytes(int64(size.Files * size.Bytes))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				copy(buffer, event)
				b.StartTimer()
				invokeOnce(b, a, buffer)
			}
		})
	}
}
