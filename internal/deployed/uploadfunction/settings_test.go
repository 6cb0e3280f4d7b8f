package uploadfunction_test

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/uploadfunction"
)

func env(pairs ...string) func(string) string {
	values := map[string]string{"UPLOAD_BUCKET": "bucket", "SESSION_KEY_SECRET": "secret"}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

var ignoreRules = cmpopts.IgnoreFields(uploadfunction.Settings{}, "Rules")

func TestSettingsHaveDefaults(t *testing.T) {
	got, err := uploadfunction.ParseSettings(env())
	if err != nil {
		t.Fatal(err)
	}
	want := uploadfunction.Settings{
		Shared: function.Shared{
			Bucket: "bucket", Prefix: "conversations/", Secret: "secret", KeyCache: time.Minute,
			KeyOverlap: 5 * time.Minute, URLExpiry: time.Hour,
		},
		MaxFiles: 1000, MaxDirect: 5 << 30,
	}
	if diff := cmp.Diff(want, got, ignoreRules); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestSettingsAreRead(t *testing.T) {
	got, err := uploadfunction.ParseSettings(env(
		"UPLOAD_PREFIX", "a/b/", "SESSION_KEY_CACHE", "2s", "SESSION_KEY_PREVIOUS_WINDOW", "0",
		"URL_EXPIRY", "168h", "S3_PUBLIC_ENDPOINT", "https://s3.example.com/", "MAX_FILES", "5",
		"MAX_FILE_SIZE", "1000", "MAX_DIRECT_FILE_SIZE", "53687091200000", "CORS_ALLOWED_ORIGINS", "https://a.example.com, http://localhost:5173",
		"REQUIRE_TAG", "scan=clean=yes", "SKIPPED_FILES", "objects", "BASE_PATH", "/chat/v1", "LOG_LEVEL", "debug", "AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000",
		"AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://127.0.0.1:9001",
	))
	if err != nil {
		t.Fatal(err)
	}
	want := uploadfunction.Settings{
		Shared: function.Shared{
			Bucket: "bucket", Prefix: "a/b/", Secret: "secret", KeyCache: 2 * time.Second,
			URLExpiry: 168 * time.Hour, PublicEndpoint: "https://s3.example.com",
			Origins: []string{"https://a.example.com", "http://localhost:5173"}, Required: upload.Tag{Key: "scan", Value: "clean=yes"},
			BasePath: "/chat/v1", LogLevel: slog.LevelDebug, S3Endpoint: "http://127.0.0.1:9000", SecretsEndpoint: "http://127.0.0.1:9001",
		},
		MaxFiles: 5, MaxFileSize: 1000, MaxDirect: 53_687_091_200_000, SkipObjects: true,
	}
	if diff := cmp.Diff(want, got, ignoreRules); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

func TestWrongSettingsAreRefused(t *testing.T) {
	tests := map[string][]string{
		"UPLOAD_BUCKET":                    {""},
		"SESSION_KEY_SECRET":               {""},
		"UPLOAD_PREFIX":                    {"noslash", "/", "/a/", "a//", "../", "a/./", strings.Repeat("a", 512) + "/"},
		"SESSION_KEY_CACHE":                {"0", "x", "61m"},
		"SESSION_KEY_PREVIOUS_WINDOW":      {"-1s", "never"},
		"URL_EXPIRY":                       {"0", "999ms", "168h0m1s", "1", "-1h"},
		"S3_PUBLIC_ENDPOINT":               {"s3.example.com", "ftp://s3", "https://s3/path", "https://u:p@s3", "https://s3?x", "http://"},
		"AWS_ENDPOINT_URL_S3":              {"localhost:9000"},
		"AWS_ENDPOINT_URL_SECRETS_MANAGER": {"localhost"},
		"MAX_FILES":                        {"0", "-1", "ten", "100001", "1.5"},
		"MAX_FILE_SIZE":                    {"0", "5MB"},
		"MAX_DIRECT_FILE_SIZE":             {"0", "-1", "5GB", "53687091200001"},
		"CORS_ALLOWED_ORIGINS":             {"example.com", "https://example.com/", "https://a.example.com,nonsense", "https://*.example.com/x"},
		"SKIPPED_FILES":                    {"name", "Objects"},
		"LOG_LEVEL":                        {"loud"},
		"BASE_PATH":                        {"/a?b", "/a b", "//", "/a%20"},
		"REQUIRE_TAG":                      {"clean", "=clean", "scan="},
		"ALLOWED_TYPES":                    {"image", "image/png/x"},
		"ALLOWED_EXTENSIONS":               {"a/b"},
	}
	for name, values := range tests {
		for _, value := range values {
			_, err := uploadfunction.ParseSettings(env(name, value))
			if err == nil || !strings.Contains(err.Error(), name) {
				t.Errorf("%s=%q: %v, want an error that names it", name, value, err)
			}
		}
	}
}

func TestAllWrongSettingsAreReportedAtOnce(t *testing.T) {
	_, err := uploadfunction.ParseSettings(env("UPLOAD_BUCKET", "", "SESSION_KEY_SECRET", "", "URL_EXPIRY", "soon", "MAX_FILES", "0"))
	if err == nil {
		t.Fatal("no error")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 4 {
		t.Errorf("%d problems, want 4:\n%v", len(lines), err)
	}
	for _, line := range lines {
		if !strings.Contains(line, ": write ") {
			t.Errorf("%q says not what to write instead", line)
		}
	}
}
