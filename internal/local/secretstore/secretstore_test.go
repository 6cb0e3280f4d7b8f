package secretstore_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/google/go-cmp/cmp"

	"uploadfiles/internal/local/secretstore"
)

func config(secret string) aws.Config {
	return aws.Config{
		Region:           "eu-central-1",
		Credentials:      credentials.NewStaticCredentialsProvider("AKIATEST", secret, ""),
		RetryMaxAttempts: 1,
	}
}

type fixture struct {
	path   string
	url    string
	log    bytes.Buffer
	client *secretsmanager.Client
}

func client(url string, cfg aws.Config) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) { o.BaseEndpoint = &url })
}

func newFixture(t *testing.T, content string) *fixture {
	t.Helper()
	f := &fixture{path: filepath.Join(t.TempDir(), "secrets.json")}
	f.write(t, content)
	server := httptest.NewServer(secretstore.New(secretstore.Options{
		Path: f.path,
		AWS:  config("right"),
		Log:  slog.New(slog.NewTextHandler(&f.log, nil)),
	}))
	t.Cleanup(server.Close)
	f.url = server.URL
	f.client = client(f.url, config("right"))
	return f
}

func (f *fixture) write(t *testing.T, content string) {
	t.Helper()
	if err := os.WriteFile(f.path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (f *fixture) get(t *testing.T, in secretsmanager.GetSecretValueInput) (*secretsmanager.GetSecretValueOutput, error) {
	t.Helper()
	return f.client.GetSecretValue(t.Context(), &in)
}

func (f *fixture) mustGet(t *testing.T, in secretsmanager.GetSecretValueInput) *secretsmanager.GetSecretValueOutput {
	t.Helper()
	out, err := f.get(t, in)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func byName(name string) secretsmanager.GetSecretValueInput {
	return secretsmanager.GetSecretValueInput{SecretId: &name}
}

func (f *fixture) byStage(stage string) secretsmanager.GetSecretValueInput {
	in := byName("app/key")
	in.VersionStage = &stage
	return in
}

func TestTheCurrentVersionIsTheDefault(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "now", "AWSPREVIOUS": "before"}}`)
	written := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := os.Chtimes(f.path, written, written); err != nil {
		t.Fatal(err)
	}
	got := f.mustGet(t, byName("app/key"))
	type values struct {
		Name, Value string
		Stages      []string
		Created     time.Time
	}
	want := values{"app/key", "now", []string{"AWSCURRENT"}, written}
	if diff := cmp.Diff(want, values{*got.Name, *got.SecretString, got.VersionStages, *got.CreatedDate}); diff != "" {
		t.Errorf("GetSecretValue (-want +got):\n%s", diff)
	}
	if len(*got.VersionId) < 32 {
		t.Errorf("version id %q has less than the 32 characters of AWS", *got.VersionId)
	}
	if again := f.mustGet(t, f.byStage("AWSCURRENT")); *again.VersionId != *got.VersionId {
		t.Errorf("version id %q, then %q", *got.VersionId, *again.VersionId)
	}
	if before := f.mustGet(t, f.byStage("AWSPREVIOUS")); *before.SecretString != "before" || *before.VersionId == *got.VersionId {
		t.Errorf("AWSPREVIOUS = %q, version %q", *before.SecretString, *before.VersionId)
	}
}

func TestASecretIsFoundByItsARN(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "a"}, "app/key-2": {"AWSCURRENT": "b"}}`)
	for name, want := range map[string]string{"app/key": "a", "app/key-2": "b"} {
		arn := *f.mustGet(t, byName(name)).ARN
		if !strings.HasPrefix(arn, "arn:aws:secretsmanager:eu-central-1:000000000000:secret:"+name+"-") {
			t.Errorf("ARN of %q is %q", name, arn)
		}
		for _, id := range []string{arn, arn[:len(arn)-7]} {
			if got := f.mustGet(t, byName(id)); *got.SecretString != want {
				t.Errorf("%q is %q, want %q", id, *got.SecretString, want)
			}
		}
	}
}

func TestAnEditCountsAtOnceAndAVersionKeepsItsIdentity(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "one"}}`)
	old := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(f.path, old, old); err != nil {
		t.Fatal(err)
	}
	one := f.mustGet(t, byName("app/key"))
	f.write(t, `{"app/key": {"AWSCURRENT": "two", "AWSPREVIOUS": "one"}}`)
	two := f.mustGet(t, byName("app/key"))
	if *two.SecretString != "two" || *two.VersionId == *one.VersionId || !two.CreatedDate.After(old) {
		t.Errorf("after the rotation: %q, version %q, made %v", *two.SecretString, *two.VersionId, two.CreatedDate)
	}
	previous := f.mustGet(t, f.byStage("AWSPREVIOUS"))
	if *previous.VersionId != *one.VersionId || !previous.CreatedDate.Equal(old) {
		t.Errorf("the old version is %q of %v, want %q of %v", *previous.VersionId, previous.CreatedDate, *one.VersionId, old)
	}
	in := byName("app/key")
	in.VersionId = one.VersionId
	if got := f.mustGet(t, in); *got.SecretString != "one" || got.VersionStages[0] != "AWSPREVIOUS" {
		t.Errorf("by version id: %q with labels %v", *got.SecretString, got.VersionStages)
	}
	f.write(t, `{"app/key": {"AWSCURRENT": "two"}}`)
	if _, err := f.get(t, in); err == nil {
		t.Error("a version without a label can still be read")
	}
}

func TestAVersionCanHaveTwoLabels(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSPENDING": "same", "AWSCURRENT": "same"}}`)
	got := f.mustGet(t, f.byStage("AWSPENDING"))
	if diff := cmp.Diff([]string{"AWSCURRENT", "AWSPENDING"}, got.VersionStages); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	in := f.byStage("AWSCURRENT")
	in.VersionId = got.VersionId
	f.mustGet(t, in)
}

func TestErrorsHaveTheWordsOfAWS(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "now", "AWSPREVIOUS": "before"}}`)
	current := f.mustGet(t, byName("app/key"))
	tests := []struct {
		name          string
		in            secretsmanager.GetSecretValueInput
		code, message string
	}{
		{"unknown name", byName("other"),
			"ResourceNotFoundException", "Secrets Manager can't find the specified secret."},
		{"unknown ARN", byName(*current.ARN + "x"),
			"ResourceNotFoundException", "Secrets Manager can't find the specified secret."},
		{"label without version", f.byStage("AWSPENDING"),
			"ResourceNotFoundException", "Secrets Manager can't find the specified secret value for staging label: AWSPENDING"},
		{"unknown version", secretsmanager.GetSecretValueInput{SecretId: aws.String("app/key"), VersionId: aws.String("nope")},
			"ResourceNotFoundException", "Secrets Manager can't find the specified secret value for VersionId: nope"},
		{"version and label apart", secretsmanager.GetSecretValueInput{
			SecretId: aws.String("app/key"), VersionId: current.VersionId, VersionStage: aws.String("AWSPREVIOUS")},
			"InvalidRequestException", "You provided a VersionStage that is not associated to the provided VersionId."},
		{"no name", byName(""),
			"ValidationException", "1 validation error detected: Value null at 'secretId' failed to satisfy constraint: Member must not be null"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := f.get(t, test.in)
			var api smithy.APIError
			if !errors.As(err, &api) || api.ErrorCode() != test.code || api.ErrorMessage() != test.message {
				t.Errorf("GetSecretValue = %v, want %s: %s", err, test.code, test.message)
			}
		})
	}
}

func TestNothingIsAnsweredToWrongSignatures(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "now"}}`)
	_, err := client(f.url, config("wrong")).GetSecretValue(t.Context(), &secretsmanager.GetSecretValueInput{SecretId: aws.String("app/key")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "InvalidSignatureException" {
		t.Errorf("with a wrong key: %v, want InvalidSignatureException", err)
	}
	for _, authorization := range []string{"", "Bearer x", "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=, Signature="} {
		request, _ := http.NewRequest(http.MethodPost, f.url, strings.NewReader(`{"SecretId":"app/key"}`))
		request.Header.Set("X-Amz-Target", "secretsmanager.GetSecretValue")
		request.Header.Set("X-Amz-Date", time.Now().UTC().Format("20060102T150405Z"))
		if authorization != "" {
			request.Header.Set("Authorization", authorization)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusBadRequest {
			t.Errorf("with Authorization %q: %d, want 400", authorization, response.StatusCode)
		}
	}
}

func TestOtherOperationsAreUnknown(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "now"}}`)
	_, err := f.client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: aws.String("app/key")})
	var api smithy.APIError
	if !errors.As(err, &api) || api.ErrorCode() != "UnknownOperationException" {
		t.Errorf("DescribeSecret = %v, want UnknownOperationException", err)
	}
}

func TestABrokenFileIsAnOutageThatIsExplainedOnce(t *testing.T) {
	tests := []struct {
		name, content, want string
	}{
		{"half written", "{\n  \"app/key\": {\"AWSCURRENT\": \"hidden", "line 2, column 35: not JSON"},
		{"a bare value", `{"app/key": "hidden"}`, "line 1, column 20: not of the form"},
		{"a number", `{"app/key": {"AWSCURRENT": 123456}}`, "not of the form"},
		{"a wrong label", `{"app/key": {"AWSCURENT": "hidden"}}`, `secret "app/key" has the label "AWSCURENT"`},
		{"empty", "", "not JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFixture(t, test.content)
			for range 3 {
				_, err := f.get(t, byName("app/key"))
				var outage *types.InternalServiceError
				if !errors.As(err, &outage) {
					t.Fatalf("GetSecretValue = %v, want InternalServiceError", err)
				}
			}
			log := f.log.String()
			if strings.Count(log, "\n") != 1 || !strings.Contains(strings.ReplaceAll(log, `\"`, `"`), test.want) {
				t.Errorf("log = %s, want one line with %s", log, test.want)
			}
			if strings.Contains(log, "hidden") || strings.Contains(log, "123456") {
				t.Errorf("the log holds a value: %s", log)
			}
			f.write(t, `{"app/key": {"AWSCURRENT": "mended"}}`)
			if got := f.mustGet(t, byName("app/key")); *got.SecretString != "mended" {
				t.Errorf("after the repair: %q", *got.SecretString)
			}
			f.write(t, test.content)
			if _, err := f.get(t, byName("app/key")); err == nil {
				t.Error("the broken file is not read again")
			}
			if strings.Count(f.log.String(), "\n") != 2 {
				t.Errorf("the same fault after a repair is not logged: %s", &f.log)
			}
		})
	}
}

func TestAMissingFileIsAnOutage(t *testing.T) {
	f := newFixture(t, "")
	os.Remove(f.path)
	_, err := f.get(t, byName("app/key"))
	var outage *types.InternalServiceError
	if !errors.As(err, &outage) {
		t.Errorf("GetSecretValue = %v, want InternalServiceError", err)
	}
}

func TestReadersNeverSeeAHalfWrittenSave(t *testing.T) {
	f := newFixture(t, `{"app/key": {"AWSCURRENT": "0"}}`)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.get(t, byName("app/key")); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 100 {
		value := strings.Repeat("x", i*100)
		if err := secretstore.Save(f.path, secretstore.Secrets{"app/key": {"AWSCURRENT": value}}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	readers.Wait()
}

func TestAValueMayStandAsAnObject(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	const text = `{"app/key": {"AWSCURRENT": {"session_api_key": "k<y", "n": 1}, "AWSPREVIOUS": "{not JSON"}}`
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	want := secretstore.Secrets{"app/key": {"AWSCURRENT": `{"session_api_key":"k<y","n":1}`, "AWSPREVIOUS": "{not JSON"}}
	for range 2 { // as written by hand, and as saved
		got, err := secretstore.Load(path)
		if diff := cmp.Diff(want, got); diff != "" || err != nil {
			t.Fatalf("Load: %v (-want +got):\n%s", err, diff)
		}
		if err := secretstore.Save(path, got); err != nil {
			t.Fatal(err)
		}
	}
	if saved, _ := os.ReadFile(path); strings.Contains(string(saved), `\"session_api_key\"`) {
		t.Errorf("the object is saved as text: %s", saved)
	}
}

func TestEnsureMakesARandomKeyOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	first, err := secretstore.Ensure(path, "app/key")
	if err != nil {
		t.Fatal(err)
	}
	if len(first) != 40 || strings.Trim(first, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789") != "" {
		t.Errorf("the key is %q, want 40 letters and digits", first)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has mode %v, %v; want 0600", info.Mode(), err)
	}
	if again, err := secretstore.Ensure(path, "app/key"); again != first || err != nil {
		t.Errorf("the second time Ensure = %q, %v; want the same key", again, err)
	}
	other, err := secretstore.Ensure(path, "app/other")
	if err != nil || other == first {
		t.Errorf("another secret = %q, %v", other, err)
	}
	secrets, err := secretstore.Load(path)
	want := secretstore.Secrets{"app/key": {"AWSCURRENT": first}, "app/other": {"AWSCURRENT": other}}
	if diff := cmp.Diff(want, secrets); diff != "" || err != nil {
		t.Errorf("the file (-want +got): %v\n%s", err, diff)
	}
}

func TestEnsureDoesNotReplaceWhatItCannotRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets.json")
	const broken = `{"app/key": {"AWSCURRENT": "precious"`
	os.WriteFile(path, []byte(broken), 0o600)
	if _, err := secretstore.Ensure(path, "app/key"); err == nil || strings.Contains(err.Error(), "precious") {
		t.Errorf("Ensure = %v, want an error without the value", err)
	}
	if got, _ := os.ReadFile(path); string(got) != broken {
		t.Errorf("the file is now %s", got)
	}
	os.WriteFile(path, []byte(`{"app/key": {"AWSPREVIOUS": "old"}}`), 0o600)
	if _, err := secretstore.Ensure(path, "app/key"); err == nil || !strings.Contains(err.Error(), "has no AWSCURRENT") {
		t.Errorf("Ensure of a secret without a current version = %v", err)
	}
	os.WriteFile(path, []byte("null"), 0o600)
	if _, err := secretstore.Ensure(path, "app/key"); err != nil {
		t.Errorf("Ensure of an empty file of secrets = %v", err)
	}
}
