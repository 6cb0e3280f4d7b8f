package filesfunction_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/filesapi"
	"uploadfiles/internal/deployed/filesfunction"
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
)

func env(pairs ...string) func(string) string {
	values := map[string]string{"UPLOAD_BUCKET": "bucket", "SESSION_KEY_SECRET": "secret"}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func TestSettings(t *testing.T) {
	for value, want := range map[string]bool{"": false, "false": false, "true": true} {
		if got, err := filesfunction.ParseSettings(env("RESPONSE_STREAMING", value)); err != nil || got.Streaming != want || got.Prefix != "conversations/" {
			t.Errorf("RESPONSE_STREAMING=%q gives %+v, %v", value, got, err)
		}
	}
	_, err := filesfunction.ParseSettings(env("RESPONSE_STREAMING", "yes", "UPLOAD_BUCKET", "", "URL_EXPIRY", "1y"))
	for _, want := range []string{`RESPONSE_STREAMING is "yes": write true or false`, "UPLOAD_BUCKET is not set", `URL_EXPIRY is "1y"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("ParseSettings = %v, want %s", err, want)
		}
	}
}

func TestLambdaGetsTheHandlerOfTheSetting(t *testing.T) {
	for _, streaming := range []bool{false, true} {
		function := filesfunction.New(aws.Config{Region: "us-east-1"}, filesfunction.Settings{
			Shared: function.Shared{Bucket: "b", Secret: "s"}, Streaming: streaming,
		}, slog.New(slog.DiscardHandler))
		_, whole := function.LambdaHandler().(lambda.Handler)
		_, streams := function.LambdaHandler().(func(context.Context, json.RawMessage) (*lambdahttp.Stream, error))
		if whole == streaming || streams != streaming {
			t.Errorf("streaming %t: the handler is a %T", streaming, function.LambdaHandler())
		}
	}
}

// stack is both functions on a real S3 server.
type stack struct {
	*local.Stack
	files *filesfunction.App
}

func startStack(t *testing.T, pairs ...string) *stack {
	t.Helper()
	s := &stack{}
	user := env(pairs...)
	log := slog.New(slog.DiscardHandler)
	s.Stack = localtest.Start(t, local.Options{
		Getenv: func(name string) string {
			if name == "UPLOAD_BUCKET" || name == "SESSION_KEY_SECRET" {
				return ""
			}
			return user(name)
		},
		Function: func(cfg aws.Config, getenv func(string) string) (gateway.Function, error) {
			settings, err := uploadfunction.ParseSettings(getenv)
			return uploadfunction.New(cfg, settings, log), err
		},
		Files: func(cfg aws.Config, getenv func(string) string) (gateway.Streamer, error) {
			settings, err := filesfunction.ParseSettings(getenv)
			s.files = filesfunction.New(cfg, settings, log)
			return s.files, err
		},
	})
	return s
}

func (s *stack) address(path string) string {
	return s.URL + "/api/conversations/" + local.Conversation + path
}

func (s *stack) send(t *testing.T, method, path string, header http.Header, body io.Reader) (*http.Response, []byte) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.address(path), body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header = header.Clone()
	if r.Header == nil {
		r.Header = http.Header{}
	}
	r.Header.Set("X-Session-API-Key", s.SecretValue)
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, data
}

func (s *stack) upload(t *testing.T, content map[string]string) {
	t.Helper()
	var form bytes.Buffer
	w := multipart.NewWriter(&form)
	for name, data := range content {
		part, err := w.CreateFormFile("files", name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, data)
	}
	w.Close()
	response, body := s.send(t, http.MethodPost, "/upload-files", http.Header{"Content-Type": {w.FormDataContentType()}}, &form)
	if response.StatusCode != 200 {
		t.Fatalf("upload = %d %s", response.StatusCode, body)
	}
}

// From an upload to the last file's end, through the stand-in for API Gateway.
func TestFilesLiveUntilTheyAreDeleted(t *testing.T) {
	s := startStack(t)
	content := map[string]string{"a b.txt": "text\n", "日本 $(x).bin": "\x00\xff", "empty": "", "large.bin": strings.Repeat("\x00\xff\x01", 1<<20)}
	s.upload(t, content)

	_, body := s.send(t, http.MethodGet, "/files", nil, nil)
	var page struct {
		Files []struct{ Name, URL, SHA256 string }
		Next  *string
	}
	if err := json.Unmarshal(body, &page); err != nil || len(page.Files) != len(content) || page.Next != nil {
		t.Fatalf("files = %s, %v", body, err)
	}
	for _, f := range page.Files {
		response, _ := s.send(t, http.MethodGet, "/files/"+url.PathEscape(f.Name), nil, nil)
		for _, address := range []string{f.URL, response.Header.Get("Location")} {
			got, err := http.Get(address)
			if err != nil {
				t.Fatal(err)
			}
			data, _ := io.ReadAll(got.Body)
			got.Body.Close()
			if string(data) != content[f.Name] || got.StatusCode != 200 {
				t.Errorf("%s: %d with %d bytes", f.Name, got.StatusCode, len(data))
			}
		}
		if response, _ := s.send(t, http.MethodHead, "/files/"+url.PathEscape(f.Name), nil, nil); response.ContentLength != int64(len(content[f.Name])) {
			t.Errorf("HEAD %s: Content-Length %d", f.Name, response.ContentLength)
		}
	}

	response, body := s.send(t, http.MethodGet, "/zip", nil, nil)
	archive, err := zip.NewReader(bytes.NewReader(body), int64(len(body)))
	if err != nil || len(archive.File) != len(content) {
		t.Fatalf("zip = %d %v, %v", response.StatusCode, response.Header, err)
	}
	got := map[string]string{}
	for _, entry := range archive.File {
		file, err := entry.Open()
		if err != nil {
			t.Fatal(err)
		}
		data, _ := io.ReadAll(file)
		got[entry.Name] = string(data)
	}
	if !cmp.Equal(content, got) {
		t.Errorf("the archive has other content")
	}
	s.fetch(t, content)

	for name := range content {
		if response, _ := s.send(t, http.MethodDelete, "/files/"+url.PathEscape(name), nil, nil); response.StatusCode != 204 {
			t.Errorf("DELETE %s = %d", name, response.StatusCode)
		}
	}
	if _, body := s.send(t, http.MethodGet, "/list-files", nil, nil); string(body) != "[]\n" {
		t.Errorf("left is %s", body)
	}
	if got, err := http.Get(page.Files[0].URL); err != nil || got.StatusCode != http.StatusNotFound {
		t.Errorf("a URL of a deleted file: %v, %v, want 404", got, err)
	}
}

// fetch runs the script as its first lines say, and once without the right key,
// which must not look like success.
func (s *stack) fetch(t *testing.T, want map[string]string) {
	t.Helper()
	for _, program := range []string{"sh", "curl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Log(err)
			return
		}
	}
	_, script := s.send(t, http.MethodGet, "/fetch.sh", nil, nil)
	_, line, _ := bytes.Cut(script, []byte("#   curl "))
	line, _, _ = bytes.Cut(line, []byte("\n"))
	folder := t.TempDir()
	fetch := func(key string) ([]byte, error) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", "curl "+string(line))
		cmd.Dir = folder
		cmd.Env = append(os.Environ(), "KEY="+key, "API="+s.URL)
		return cmd.CombinedOutput()
	}
	if out, err := fetch("wrong"); err == nil {
		t.Errorf("with a wrong key it succeeded and said %q", out)
	}
	if out, err := fetch(s.SecretValue); err != nil {
		t.Errorf("the script: %v\n%s", err, out)
	}
	if err := os.Remove(filepath.Join(folder, ".fetch.sh")); err != nil {
		t.Error(err)
	}
	got := map[string]string{}
	files, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(folder, file.Name()))
		if err != nil {
			t.Fatal(err)
		}
		got[file.Name()] = string(data)
	}
	if !cmp.Equal(want, got) {
		t.Error("the script has fetched other content")
	}
}

// invoker is a function of its own, whose answers are not streamed, on the stack's
// secrets and the S3 server at an address.
func (s *stack) invoker(t *testing.T, kind lambdahttp.Kind, endpoint string) (get func(path string) gateway.Answer) {
	t.Helper()
	settings, err := filesfunction.ParseSettings(env("UPLOAD_BUCKET", s.Bucket, "SESSION_KEY_SECRET", s.Secret,
		"AWS_ENDPOINT_URL_S3", endpoint, "AWS_ENDPOINT_URL_SECRETS_MANAGER", s.SecretsEndpoint))
	if err != nil {
		t.Fatal(err)
	}
	function := filesfunction.New(s.AWS.Copy(), settings, slog.New(slog.DiscardHandler))
	return func(path string) gateway.Answer {
		t.Helper()
		r := httptest.NewRequest(http.MethodGet, s.address(path), nil)
		r.Header.Set("X-Session-API-Key", s.SecretValue)
		event, err := gateway.Event(kind, r, nil, gateway.Options{})
		if err != nil {
			t.Fatal(err)
		}
		out, err := function.Invoke(t.Context(), event)
		if err != nil || len(out) > 6<<20 {
			t.Fatalf("Invoke = %d bytes, %v", len(out), err)
		}
		answer, err := gateway.Decode(kind, out)
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// Without streaming the archive has to fit into an answer of Lambda.
func TestAnswersThatAreNotStreamedFitIntoLambda(t *testing.T) {
	s := startStack(t)
	get := s.invoker(t, lambdahttp.REST, s.S3Endpoint)
	s.upload(t, map[string]string{"a.bin": strings.Repeat("\x00\xff\x01\x02", 1<<20)})
	if got := get("/zip"); got.Status != 200 {
		t.Errorf("4 MiB = %d %.200s", got.Status, got.Body)
	}
	s.upload(t, map[string]string{"b.bin": strings.Repeat("\x00\xff", 1<<19)})
	if got := get("/zip"); got.Status != 413 || !bytes.Contains(got.Body, []byte(`"fetch":"fetch.sh"`)) {
		t.Errorf("5 MiB = %d %.200s, want 413", got.Status, got.Body)
	}
}

// A load balancer takes less.
func TestAnswersFitIntoALoadBalancer(t *testing.T) {
	s := startStack(t)
	for _, kind := range []lambdahttp.Kind{lambdahttp.ALB, lambdahttp.ALBMultiValue} {
		get := s.invoker(t, kind, s.S3Endpoint)
		s.upload(t, map[string]string{"a.bin": strings.Repeat("\x00\xff\x01\x02", 100_000)})
		if got := get("/zip"); got.Status != 200 {
			t.Errorf("%s: 400 kB = %d %.200s", kind, got.Status, got.Body)
		}
		s.upload(t, map[string]string{"b.bin": strings.Repeat("\x00\xff", 30_000)})
		if got := get("/zip"); got.Status != 413 || !bytes.Contains(got.Body, []byte(`"max_bytes":700848,`)) {
			t.Errorf("%s: 460 kB = %d %.200s, want 413", kind, got.Status, got.Body)
		}
		if response, _ := s.send(t, http.MethodDelete, "/files/b.bin", nil, nil); response.StatusCode != 204 {
			t.Errorf("DELETE = %d", response.StatusCode)
		}
	}
}

// Each listing asks S3 for many objects at once. A new connection for each would
// take longer than the questions.
func TestTheNextListingHasItsConnections(t *testing.T) {
	var opened, lists, asked atomic.Int32
	var together atomic.Pointer[chan struct{}] // closed when all of a listing are asked for
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodHead {
			all := *together.Load()
			if asked.Add(1) == files.DefaultParallel {
				close(all)
			}
			select {
			case <-all:
			case <-r.Context().Done():
			}
			return
		}
		all := make(chan struct{})
		together.Store(&all)
		asked.Store(0)
		list := lists.Add(1)
		io.WriteString(w, "<ListBucketResult>")
		for i := range files.DefaultParallel {
			fmt.Fprintf(w, `<Contents><Key>conversations/demo/%02d</Key><ETag>"%d"</ETag></Contents>`, i, list)
		}
		io.WriteString(w, "</ListBucketResult>")
	}))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	get := startStack(t).invoker(t, lambdahttp.REST, server.URL)
	for list := range 3 {
		before := opened.Load()
		if got := get("/files"); got.Status != 200 || bytes.Count(got.Body, []byte(`"key"`)) != files.DefaultParallel {
			t.Fatalf("files = %d %.300s", got.Status, got.Body)
		}
		// The listing's own connection may not be back in time.
		if n := opened.Load() - before; list > 0 && n > 4 {
			t.Errorf("listing %d opened %d connections, want those of the one before", list, n)
		}
	}
}

// With streaming, what fits goes out, and more than Lambda streams is refused
// before the first byte.
func TestArchivesUpToWhatLambdaStreams(t *testing.T) {
	if testing.Short() {
		t.Skip("it stores 200 MB")
	}
	s := startStack(t)
	client := s3.NewFromConfig(s.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &s.S3Endpoint
		o.UsePathStyle = true
	})
	for i, want := range []int{200, 413} {
		_, err := client.PutObject(t.Context(), &s3.PutObjectInput{
			Bucket: &s.Bucket, Key: aws.String(fmt.Sprintf("conversations/demo/%d.bin", i)), Body: bytes.NewReader(make([]byte, 100_000_000)),
		})
		if err != nil {
			t.Fatal(err)
		}
		response, body := s.send(t, http.MethodGet, "/zip", nil, nil)
		if response.StatusCode != want {
			t.Errorf("zip of %d MB = %d", (i+1)*100, response.StatusCode)
		}
		if want == 200 && len(body) < 100_000_000 {
			t.Errorf("%d bytes came", len(body))
		}
	}
}

func TestTheLocalStackSendsEveryRouteToTheFunction(t *testing.T) {
	for _, route := range (filesapi.API{}).Routes() {
		path := strings.ReplaceAll(route.Path, "{id}", "{conversation_id}")
		if !slices.Contains(local.FilesPaths, path) {
			t.Errorf("local.FilesPaths has no %s", path)
		}
	}
}
