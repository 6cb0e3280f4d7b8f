package uploads_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/uploadfunction"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/gateway"
	"uploadfiles/internal/local/localtest"
	"uploadfiles/internal/local/secretstore"
	"uploadfiles/internal/proof/faults"
)

// rig is the function with its real services behind proxies that break requests.
type rig struct {
	*local.Stack
	app     *function.App
	store   *faults.Proxy // in front of S3
	secrets *faults.Proxy // in front of the secret store
	direct  *s3.Client    // past the proxy
	log     lockedBuffer
	answers lockedBuffer // everything that went out
}

// newRig starts the services and a function whose environment is changed by
// pairs of name and value.
func newRig(t *testing.T, pairs ...string) *rig {
	t.Helper()
	env := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		env[pairs[i]] = pairs[i+1]
	}
	g := &rig{Stack: localtest.Start(t, local.Options{Getenv: func(name string) string { return env[name] }})}
	g.store, g.secrets = proxy(t, g.S3Endpoint), proxy(t, g.SecretsEndpoint)
	g.direct = s3.NewFromConfig(g.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &g.S3Endpoint
		o.UsePathStyle = true
	})
	g.app = g.start(t, slog.New(slog.NewJSONHandler(&g.log, nil)), nil, pairs...)
	t.Cleanup(func() { g.searchForSecrets(t) })
	return g
}

func proxy(t *testing.T, target string) *faults.Proxy {
	t.Helper()
	p, err := faults.Start(target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// start makes one more environment of the function on the same services.
func (g *rig) start(t *testing.T, log *slog.Logger, provider aws.CredentialsProvider, pairs ...string) *function.App {
	t.Helper()
	settings, err := uploadfunction.ParseSettings(env(append([]string{
		"UPLOAD_BUCKET", g.Bucket, "SESSION_KEY_SECRET", g.Secret,
		"AWS_ENDPOINT_URL_S3", g.store.URL, "AWS_ENDPOINT_URL_SECRETS_MANAGER", g.secrets.URL,
		"S3_PUBLIC_ENDPOINT", g.S3Endpoint, "AWS_LAMBDA_FUNCTION_NAME", "f",
	}, pairs...)...))
	if err != nil {
		t.Fatal(err)
	}
	cfg := g.AWS.Copy()
	if provider != nil {
		cfg.Credentials = provider
	}
	return uploadfunction.New(cfg, settings, log)
}

// upload sends files as one event and judges what every answer must keep.
func (g *rig) upload(t *testing.T, ctx context.Context, conversation string, files ...namedFile) gateway.Answer {
	t.Helper()
	return g.uploadTo(t, ctx, g.app, g.SecretValue, conversation, files...)
}

func (g *rig) uploadTo(t *testing.T, ctx context.Context, a *function.App, key, conversation string, files ...namedFile) gateway.Answer {
	t.Helper()
	r, body := request(t, "https://api.example.com/api/conversations/"+conversation+"/upload-files", key, files...)
	return g.invoke(t, ctx, a, lambdahttp.REST, r, body)
}

func (g *rig) invoke(t *testing.T, ctx context.Context, a *function.App, kind lambdahttp.Kind, r *http.Request, body []byte) gateway.Answer {
	t.Helper()
	event, err := gateway.Event(kind, r, body, gateway.Options{BinaryTypes: []string{"*/*"}})
	if err != nil {
		t.Fatal(err)
	}
	return g.call(t, ctx, a, kind, event)
}

func (g *rig) call(t *testing.T, ctx context.Context, a *function.App, kind lambdahttp.Kind, event []byte) gateway.Answer {
	t.Helper()
	response, err := a.Invoke(ctx, event)
	if deadline, ok := ctx.Deadline(); ok && time.Now().After(deadline.Add(patience)) {
		t.Error("the answer came after Lambda's deadline")
	}
	if err != nil {
		t.Fatalf("the function failed: %v", err)
	}
	got, err := gateway.Decode(kind, response)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = g.answers.Write(append(got.Body, '\n'))
	if retry := got.Header.Get("Retry-After"); (got.Status == http.StatusServiceUnavailable) != (retry != "") {
		t.Errorf("status %d with Retry-After %q", got.Status, retry)
	}
	if got.Status != http.StatusOK {
		g.tellsNothing(t, got.Body)
	}
	return got
}

// abandon sends an event whose client does not wait for the answer.
func (g *rig) abandon(t *testing.T, ctx context.Context, kind lambdahttp.Kind, r *http.Request, body []byte) {
	t.Helper()
	event, err := gateway.Event(kind, r, body, gateway.Options{BinaryTypes: []string{"*/*"}})
	if err != nil {
		t.Error(err)
		return
	}
	if _, err := g.app.Invoke(ctx, event); err != nil {
		t.Errorf("the function failed: %v", err)
	}
}

// tellsNothing searches an error for what is none of the client's business.
func (g *rig) tellsNothing(t *testing.T, body []byte) {
	t.Helper()
	for _, word := range []string{g.Bucket, "arn:", "amazonaws", g.Secret, "127.0.0.1", "operation error", "SlowDown", "AccessDenied"} {
		if bytes.Contains(body, []byte(word)) {
			t.Errorf("the answer tells the client of %q: %s", word, body)
		}
	}
}

// searchForSecrets runs behind each test: neither log nor answers hold a
// secret, and each log line is one.
func (g *rig) searchForSecrets(t *testing.T) {
	log, answers := g.log.String(), g.answers.String()
	secrets := []string{g.SecretValue, fileMark}
	if loaded, err := secretstore.Load(g.SecretsFile); err == nil {
		for _, labelled := range loaded {
			for _, value := range labelled {
				if len(value) > 3 {
					secrets = append(secrets, value)
				}
			}
		}
	}
	root, err := g.AWS.Credentials.Retrieve(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	secrets = append(secrets, root.SecretAccessKey)
	for _, secret := range secrets {
		if strings.Contains(log, secret) || strings.Contains(answers, secret) {
			t.Errorf("log or answers hold %q:\n%s\n%s", secret, log, answers)
		}
	}
	for _, word := range []string{"X-Amz-Signature", "X-Amz-Security-Token", root.AccessKeyID, "Signature="} {
		if strings.Contains(log, word) {
			t.Errorf("the log holds %q:\n%s", word, log)
		}
	}
	for line := range strings.Lines(log) {
		if !strings.HasPrefix(line, `{"time":"`) || !strings.HasSuffix(line, "}\n") {
			t.Errorf("a log line is no line of ours: %q", line)
		}
	}
}

// fileMark is in the content of files, and may be nowhere else.
const fileMark = "content-of-a-file-that-is-nobody-elses-business"

// three files, of which the content tells which it is.
func three() []namedFile {
	return []namedFile{
		{"a.txt", []byte(fileMark + " a")}, {"b.bin", []byte(fileMark + "\x00 b")}, {"ü c.txt", []byte(fileMark + " c")},
	}
}

// stored are the hashes of the objects of a conversation by key, read past the
// function and the proxy.
func (g *rig) stored(t *testing.T, conversation string) map[string]string {
	t.Helper()
	objects := map[string]string{}
	pages := s3.NewListObjectsV2Paginator(g.direct, &s3.ListObjectsV2Input{
		Bucket: &g.Bucket, Prefix: aws.String("conversations/" + conversation + "/"),
	})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, object := range page.Contents {
			objects[*object.Key] = g.hash(t, *object.Key)
		}
	}
	return objects
}

func (g *rig) hash(t *testing.T, key string) string {
	t.Helper()
	out, err := g.direct.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &g.Bucket, Key: &key})
	if err != nil {
		t.Fatal(err)
	}
	defer out.Body.Close()
	content, err := io.ReadAll(out.Body)
	if err != nil {
		t.Fatal(err)
	}
	return hexSum(content)
}

// agree wants the files in the answer to be the objects in the bucket, and the
// sent files to be either in files or in skipped.
func (g *rig) agree(t *testing.T, conversation string, got gateway.Answer, sent int) answer {
	t.Helper()
	a := decode(t, got.Body)
	told := map[string]string{}
	for _, f := range a.Files {
		told[f.Key] = f.SHA256
	}
	if diff := cmp.Diff(told, g.stored(t, conversation)); diff != "" {
		t.Errorf("objects (-in the answer, status %d, +in the bucket):\n%s", got.Status, diff)
	}
	if got.Status == http.StatusOK && len(a.Files)+len(a.Skipped) != sent {
		t.Errorf("%d files and %d skipped for %d that were sent", len(a.Files), len(a.Skipped), sent)
	}
	return a
}

// holds wants each file in the answer to be in the bucket, and returns all that
// is there.
func (g *rig) holds(t *testing.T, conversation string, got gateway.Answer) map[string]string {
	t.Helper()
	there := g.stored(t, conversation)
	for _, f := range decode(t, got.Body).Files {
		if there[f.Key] != f.SHA256 {
			t.Errorf("%s is in the answer and not in the bucket", f.Key)
		}
	}
	return there
}

// broken puts rules between the function and the objects of a conversation.
func (g *rig) broken(conversation string, rules ...faults.Rule) {
	g.store.Script("/"+conversation+"/", rules...)
}

// works ends the faults of a conversation, sends files, and wants all of them to be there.
func (g *rig) works(t *testing.T, conversation string, files ...namedFile) {
	t.Helper()
	g.broken(conversation)
	got := g.upload(t, t.Context(), conversation, files...)
	if got.Status != http.StatusOK {
		t.Fatalf("the next request: status %d: %s", got.Status, got.Body)
	}
	if a := g.agree(t, conversation, got, len(files)); len(a.Files) != len(files) {
		t.Errorf("the next request: %d of %d files: %s", len(a.Files), len(files), got.Body)
	}
}

// ours matches a frame of the function's own code.
var ours = regexp.MustCompile(`(?m)^uploadfiles/internal/deployed/(direct|form|function|httpapi|lambdahttp|s3store|session|upload|uploadapi)\.`)

// nothingRuns wants no goroutine of the function to be left. One that has done
// its work may need a moment to go.
func nothingRuns(t *testing.T) {
	t.Helper()
	var left string
	for range 100 {
		if left = running(); left == "" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("still running after the answer:\n%s", left)
}

func running() string {
	stacks := make([]byte, 8<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for goroutine := range strings.SplitSeq(string(stacks), "\n\n") {
		if ours.MatchString(goroutine) {
			return goroutine
		}
	}
	return ""
}

// within is the context of an invocation that has so much time: it tells when
// that ends, and ends later only where an answer has longer to come.
func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	deadline := time.Now().Add(d)
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(patience))
	t.Cleanup(cancel)
	return invocation{ctx, deadline}
}

type invocation struct {
	context.Context
	deadline time.Time
}

func (i invocation) Deadline() (time.Time, bool) { return i.deadline, true }

func (g *rig) setSecret(t *testing.T, name string, labelled map[string]string) {
	t.Helper()
	all, err := secretstore.Load(g.SecretsFile)
	if err != nil {
		t.Fatal(err)
	}
	if labelled == nil {
		delete(all, name)
	} else {
		all[name] = labelled
	}
	if err := secretstore.Save(g.SecretsFile, all); err != nil {
		t.Fatal(err)
	}
}

// env is the least environment of a function, with pairs of name and value.
func env(pairs ...string) func(string) string {
	values := map[string]string{"UPLOAD_BUCKET": "bucket", "SESSION_KEY_SECRET": "secret"}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}
