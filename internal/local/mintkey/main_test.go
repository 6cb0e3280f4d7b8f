package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"uploadfiles/internal/deployed/session"
	"uploadfiles/internal/local/secretstore"
)

const (
	master   = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	value    = `{"session_api_key":"first-QzXjWvKpByGfM","master_keys":{"1":"` + master + `"}}`
	localKey = "upload-files/session-key"
)

// masterBytes are 0, 1, 2 … 31.
func masterBytes() []byte {
	b := make([]byte, 32)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secrets.json")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func storeOf(t *testing.T, names ...string) string {
	t.Helper()
	var secrets []string
	for _, name := range names {
		secrets = append(secrets, strconv.Quote(name)+`:{"AWSCURRENT":`+strconv.Quote(value)+`,"AWSPREVIOUS":"old"}`)
	}
	return write(t, "{"+strings.Join(secrets, ",")+"}")
}

// mint runs the command and gives what it prints.
func mint(t *testing.T, stdin string, args ...string) (key string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = run(t.Context(), args, strings.NewReader(stdin), &stdout, &stderr)
	for _, text := range []string{stdout.String(), stderr.String()} {
		if strings.Contains(text, master) || strings.Contains(text, "QzX") {
			t.Errorf("run(%q) shows the secret: %q", args, text)
		}
	}
	return stdout.String(), err
}

// The local stack begins with a plain key. It goes on opening, beside the keys
// that are minted.
func TestMintGivesAPlainLocalSecretAMasterKey(t *testing.T) {
	file := write(t, `{"app/key":{"AWSCURRENT":"plain-session-key-1"}}`)
	args := []string{"-conversation", "abc123", "-expires", "2030-01-02T15:04:05Z", "-store", file}
	first, err := mint(t, "", args...)
	if err != nil || first == "" {
		t.Fatalf("run(%q) = %q, %v", args, first, err)
	}
	if again, err := mint(t, "", args...); again != first || err != nil {
		t.Errorf("the second time it is %q, %v, want the same key %q", again, err, first)
	}
	secrets, err := secretstore.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	var value struct {
		Key    string            `json:"session_api_key"`
		Master map[string]string `json:"master_keys"`
	}
	if err := json.Unmarshal([]byte(secrets["app/key"]["AWSCURRENT"]), &value); err != nil || value.Key != "plain-session-key-1" || value.Master["1"] == "" {
		t.Errorf("the secret is %+v, %v", value, err)
	}
}

func TestMintReadsTheSecretFromEverySource(t *testing.T) {
	const at = "2030-01-02T15:04:05Z"
	want := session.Derive(masterBytes(), "1", "abc123", time.Date(2030, 1, 2, 15, 4, 5, 0, time.UTC)) + "\n"
	one, two := storeOf(t, localKey), storeOf(t, localKey, "another")
	for _, test := range []struct {
		name, stdin string
		args        []string
	}{
		{"the only secret of a store", "", []string{"-store", one}},
		{"a secret of a store by name", "", []string{"-store", two, "-secret", localKey}},
		{"a file", "", []string{"-value", write(t, value)}},
		{"standard input", value + "\n", []string{"-value", "-"}},
		{"a version by name", value, []string{"-value", "-", "-version", "1"}},
	} {
		args := append([]string{"-conversation", "abc123", "-expires", at}, test.args...)
		if got, err := mint(t, test.stdin, args...); got != want || err != nil {
			t.Errorf("from %s: %q, %v, want %q", test.name, got, err, want)
		}
	}
}

func TestMintReadsTheSecretFromAWS(t *testing.T) {
	var asked string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		asked = string(body)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		_, _ = io.WriteString(w, `{"SecretString":`+strconv.Quote(value)+`,"VersionId":"1"}`)
	}))
	defer server.Close()
	nowhere := filepath.Join(t.TempDir(), "none")
	for name, setting := range map[string]string{
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": server.URL,
		"AWS_REGION":                       "eu-central-1",
		"AWS_ACCESS_KEY_ID":                "AKIDEXAMPLE",
		"AWS_SECRET_ACCESS_KEY":            "example",
		"AWS_EC2_METADATA_DISABLED":        "true",
		"AWS_CONFIG_FILE":                  nowhere,
		"AWS_SHARED_CREDENTIALS_FILE":      nowhere,
	} {
		t.Setenv(name, setting)
	}
	key, err := mint(t, "", "-conversation", "abc123", "-secret", "some/secret")
	if err != nil || !strings.HasPrefix(key, "sk1.1.") {
		t.Errorf("key = %q, %v, want one of version 1", key, err)
	}
	if want := `"SecretId":"some/secret"`; !strings.Contains(asked, want) || !strings.Contains(asked, "AWSCURRENT") {
		t.Errorf("asked %q, want %s and AWSCURRENT", asked, want)
	}
}

func TestTheExpiryIsADurationFromNow(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 900_000_000, time.UTC)
	for _, test := range []struct {
		in   string
		want time.Time
	}{
		{"24h", time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)},
		{"90m", time.Date(2026, 1, 1, 1, 30, 0, 0, time.UTC)},
		{"2030-01-02T15:04:05+01:00", time.Date(2030, 1, 2, 14, 4, 5, 0, time.UTC)},
	} {
		if got, err := parseExpiry(test.in, now); !got.Equal(test.want) || err != nil {
			t.Errorf("parseExpiry(%q) = %v, %v, want %v", test.in, got, err, test.want)
		}
	}
	for _, in := range []string{"", "tomorrow", "24", "0s", "50ms", "-1h", "2020-01-02T15:04:05Z", "2030-01-02"} {
		if got, err := parseExpiry(in, now); err == nil {
			t.Errorf("parseExpiry(%q) = %v, want an error", in, got)
		}
	}
}

func TestMintSaysWhatIsWrong(t *testing.T) {
	store := storeOf(t, localKey, "another")
	for _, test := range []struct {
		name, stdin, want string
		args              []string
	}{
		{"no secret", "", "-secret", []string{"-conversation", "a"}},
		{"no store", "", "the local stack makes this file", []string{"-conversation", "a", "-store", filepath.Join(t.TempDir(), "none")}},
		{"store of another form", "", "not of the form", []string{"-conversation", "a", "-store", write(t, "[]")}},
		{"several secrets and no name", "", "another, " + localKey, []string{"-conversation", "a", "-store", store}},
		{"unknown secret", "", `no secret "x"`, []string{"-conversation", "a", "-store", store, "-secret", "x"}},
		{"secret without master keys", "first-QzXjWvKpByGfM", "no master_keys", []string{"-conversation", "a", "-value", "-"}},
		{"malformed secret", "{", "malformed", []string{"-conversation", "a", "-value", "-"}},
		{"no conversation", value, "conversation", []string{"-value", "-"}},
		{"bad conversation", value, "conversation", []string{"-value", "-", "-conversation", "a/b"}},
		{"bad expiry", value, "write a duration", []string{"-value", "-", "-conversation", "a", "-expires", "soon"}},
		{"expiry in the past", value, "not in the future", []string{"-value", "-", "-conversation", "a", "-expires", "-1h"}},
		{"unknown version", value, `version "2"`, []string{"-value", "-", "-conversation", "a", "-version", "2"}},
		{"unknown flag", value, "flag provided but not defined", []string{"-value", "-", "-conversation", "a", "-x"}},
		{"word too many", value, "unexpected argument", []string{"-value", "-", "-conversation", "a", "b"}},
	} {
		key, err := mint(t, test.stdin, test.args...)
		if err == nil || !strings.Contains(err.Error(), test.want) || key != "" {
			t.Errorf("with %s: %q, %v, want an error that says %q", test.name, key, err, test.want)
		}
	}
}
