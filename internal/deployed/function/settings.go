package function

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"time"

	"uploadfiles/internal/deployed/upload"
)

// Shared are the settings that every function has.
type Shared struct {
	Bucket         string        // UPLOAD_BUCKET
	Prefix         string        // UPLOAD_PREFIX
	Secret         string        // SESSION_KEY_SECRET: name or ARN, may contain {conversation_id}
	KeyCache       time.Duration // SESSION_KEY_CACHE: how long a session key is believed without asking
	KeyOverlap     time.Duration // SESSION_KEY_PREVIOUS_WINDOW: how long a rotated key still opens
	URLExpiry      time.Duration // URL_EXPIRY
	PublicEndpoint string        // S3_PUBLIC_ENDPOINT: the S3 that presigned URLs name; empty means the function's own
	Required       upload.Tag    // REQUIRE_TAG: key=value; without it a file is not handed out
	Origins        []string      // CORS_ALLOWED_ORIGINS
	BasePath       string        // BASE_PATH: what stands before /api in the paths of events; empty means nothing
	LogLevel       slog.Level

	S3Endpoint      string // AWS_ENDPOINT_URL_S3; empty means AWS
	SecretsEndpoint string // AWS_ENDPOINT_URL_SECRETS_MANAGER; empty means AWS

	Function string // AWS_LAMBDA_FUNCTION_NAME, which Lambda sets; empty means no metrics
}

// Bounds of the settings.
const (
	MinURLExpiry = time.Second
	MaxURLExpiry = 168 * time.Hour // https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
	MaxPrefix    = 512             // bytes: a key has 1,024, of which 100 + 1 + 255 are conversation and name, and the rest is for folders
)

// An Environment reads settings and collects what is wrong with them, each with
// what to write instead.
type Environment struct {
	getenv   func(string) string
	problems []error
}

// NewEnvironment reads by getenv, which is [os.Getenv] on Lambda.
func NewEnvironment(getenv func(string) string) *Environment { return &Environment{getenv: getenv} }

// Err is all that was wrong, or nil.
func (e *Environment) Err() error { return errors.Join(e.problems...) }

// Shared are the settings that every function has.
func (e *Environment) Shared() Shared {
	s := Shared{
		Bucket:          e.required("UPLOAD_BUCKET", "the name of the S3 bucket, such as my-uploads"),
		Prefix:          e.prefix("UPLOAD_PREFIX", "conversations/"),
		Secret:          e.required("SESSION_KEY_SECRET", "the name or ARN of the secret in Secrets Manager, such as upload-files/session-key"),
		KeyCache:        e.duration("SESSION_KEY_CACHE", time.Minute, time.Second, time.Hour),
		KeyOverlap:      e.duration("SESSION_KEY_PREVIOUS_WINDOW", 5*time.Minute, 0, 7*24*time.Hour),
		URLExpiry:       e.duration("URL_EXPIRY", time.Hour, MinURLExpiry, MaxURLExpiry),
		PublicEndpoint:  e.endpoint("S3_PUBLIC_ENDPOINT"),
		Required:        e.tag("REQUIRE_TAG"),
		Origins:         e.origins("CORS_ALLOWED_ORIGINS"),
		BasePath:        e.basePath("BASE_PATH"),
		S3Endpoint:      e.endpoint("AWS_ENDPOINT_URL_S3"),
		SecretsEndpoint: e.endpoint("AWS_ENDPOINT_URL_SECRETS_MANAGER"),
		Function:        e.getenv("AWS_LAMBDA_FUNCTION_NAME"),
	}
	e.text("LOG_LEVEL", &s.LogLevel)
	return s
}

// Add notes what else is wrong. Nil is nothing.
func (e *Environment) Add(err error) {
	if err != nil {
		e.problems = append(e.problems, err)
	}
}

// wrong notes a problem. Values are shown: none of these settings is secret.
func (e *Environment) wrong(name, instead string) {
	e.Add(fmt.Errorf("%s is %q: write %s", name, e.getenv(name), instead))
}

func (e *Environment) required(name, instead string) string {
	value := e.getenv(name)
	if value == "" {
		e.Add(fmt.Errorf("%s is not set: write %s", name, instead))
	}
	return value
}

func (e *Environment) duration(name string, unset, least, most time.Duration) time.Duration {
	value := e.getenv(name)
	if value == "" {
		return unset
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < least || d > most {
		e.wrong(name, fmt.Sprintf("a duration from %s to %s, such as 90s, 15m or 1h", least, most))
	}
	return d
}

// Integer is a whole number from 1 to most.
func (e *Environment) Integer(name string, unset, most int64) int64 {
	value := e.getenv(name)
	if value == "" {
		return unset
	}
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil || n < 1 || n > most {
		e.wrong(name, fmt.Sprintf("a whole number from 1 to %d", most))
	}
	return n
}

// Choice is one of options, of which the first counts where the name is not set.
func (e *Environment) Choice(name string, options ...string) string {
	value := cmp.Or(e.getenv(name), options[0])
	for _, o := range options {
		if value == o {
			return o
		}
	}
	e.wrong(name, strings.Join(options, " or "))
	return value
}

// Bool is true or false, and false where the name is not set.
func (e *Environment) Bool(name string) bool {
	value := e.getenv(name)
	if value != "" && value != "true" && value != "false" {
		e.wrong(name, "true or false")
	}
	return value == "true"
}

// prefix makes sure that a conversation's keys lie in a folder of their own.
func (e *Environment) prefix(name, unset string) string {
	value := cmp.Or(e.getenv(name), unset)
	folder, ok := strings.CutSuffix(value, "/")
	for segment := range strings.SplitSeq(folder, "/") {
		ok = ok && segment != "" && segment != "." && segment != ".."
	}
	if !ok || len(value) > MaxPrefix {
		e.wrong(name, fmt.Sprintf("folders that end in a slash, such as %s, at most %d bytes", unset, MaxPrefix))
	}
	return value
}

func (e *Environment) basePath(name string) string {
	value := e.getenv(name)
	if strings.ContainsAny(value, " ?#%\\") || strings.Contains(value, "//") {
		e.wrong(name, "the path before /api, such as /uploads or /chat/v1")
	}
	return value
}

func (e *Environment) endpoint(name string) string {
	value := e.getenv(name)
	if value == "" {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		e.wrong(name, "scheme, host and port, such as https://s3.example.com")
	}
	return strings.TrimRight(value, "/")
}

func (e *Environment) origins(name string) []string {
	var origins []string
	for value := range strings.SplitSeq(e.getenv(name), ",") {
		value = strings.TrimSpace(value)
		if value == "" {
			continue
		}
		u, err := url.Parse(value)
		if value != "*" && (err != nil || u.Scheme == "" || u.Scheme+"://"+u.Host != value) {
			e.wrong(name, "origins with commas between, such as https://chat.example.com, or *")
			return nil
		}
		origins = append(origins, value)
	}
	return origins
}

func (e *Environment) tag(name string) upload.Tag {
	value := e.getenv(name)
	if value == "" {
		return upload.Tag{}
	}
	key, tag, _ := strings.Cut(value, "=")
	if key == "" || tag == "" {
		e.wrong(name, "key=value, such as GuardDutyMalwareScanStatus=NO_THREATS_FOUND")
	}
	return upload.Tag{Key: key, Value: tag}
}

func (e *Environment) text(name string, level *slog.Level) {
	if value := e.getenv(name); value != "" && level.UnmarshalText([]byte(value)) != nil {
		e.wrong(name, "debug, info, warn or error")
	}
}
