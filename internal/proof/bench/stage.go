package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadfiles/internal/local/s3server"
	"uploadfiles/internal/proof/bench/services"
)

// stage is one set of services to measure against.
type stage struct {
	Key       string // as in -stages and in the JSON report
	Title     string
	real      bool // S3 is versitygw
	tls       bool
	roundTrip time.Duration // to each service
	starts    int           // of each contender; 0 for none
	effort    float64       // of the invocations at the null store
}

var stages = []stage{
	{Key: "null", Title: "null store, HTTP", starts: 12, effort: 1},
	{Key: "null-tls", Title: "null store, TLS", tls: true, starts: 6, effort: 0.4},
	{Key: "far", Title: "null store, HTTP, 20 ms to each service", roundTrip: 20 * time.Millisecond, starts: 6, effort: 0.15},
	{Key: "far-tls", Title: "null store, TLS, 20 ms to each service", tls: true, roundTrip: 20 * time.Millisecond, starts: 6, effort: 0.15},
	{Key: "real", Title: "versitygw, HTTP", real: true, effort: 0.4},
}

// Names that all contenders are given.
const (
	region     = "us-east-1"
	bucket     = "bench"
	secretName = "bench/session-key"
	sessionKey = "bench-session-key-0123456789abcdefghijkl"
)

// environment is a stage that is set up: its services run.
type environment struct {
	env   []string // of a contender
	null  *services.Services
	store *s3.Client // of the real store; nil where there is none
	close []func() error
}

func (s stage) open(ctx context.Context, w workshop) (*environment, error) {
	e := &environment{}
	err := e.startServices(ctx, s, w)
	if err == nil && s.real {
		err = e.startStore(ctx, w)
	}
	if err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

func (e *environment) startServices(_ context.Context, s stage, w workshop) error {
	options := services.Options{RoundTrip: s.roundTrip, Secret: sessionKey}
	trusted := filepath.Join(w.dir, "authority.pem")
	if s.tls {
		var err error
		if options.TLS, err = services.NewCertificate(); err != nil {
			return err
		}
		if err := os.WriteFile(trusted, options.TLS.Authority(), 0o600); err != nil {
			return err
		}
	}
	var err error
	if e.null, err = services.Start(options); err != nil {
		return err
	}
	e.close = append(e.close, e.null.Close)
	e.env = contenderEnv(w, e.null)
	if s.tls {
		e.env = append(e.env, trust(trusted)...)
	}
	return nil
}

// contenderEnv is what Lambda gives a function
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html) and
// what the deployment adds.
func contenderEnv(w workshop, s *services.Services) []string {
	return []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + filepath.Join(w.dir, "home"), // nobody's AWS settings
		"LANG=C.UTF-8",
		"AWS_REGION=" + region,
		"AWS_DEFAULT_REGION=" + region,
		"AWS_ACCESS_KEY_ID=bench",
		"AWS_SECRET_ACCESS_KEY=bench-secret-access-key",
		"AWS_EC2_METADATA_DISABLED=true",
		"AWS_LAMBDA_FUNCTION_NAME=bench",
		"AWS_LAMBDA_FUNCTION_VERSION=$LATEST",
		"AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
		"AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/bench",
		"AWS_LAMBDA_LOG_STREAM_NAME=bench",
		"AWS_ENDPOINT_URL_S3=" + s.S3(),
		"AWS_ENDPOINT_URL_SECRETS_MANAGER=" + s.SecretsManager(),
		"UPLOAD_BUCKET=" + bucket,
		"SESSION_KEY_SECRET=" + secretName,
	}
}

// trust makes each kind of contender trust an authority. Go takes it as the
// system's own; AWS_CA_BUNDLE would give its SDK another HTTP client.
func trust(file string) []string {
	return []string{
		"SSL_CERT_FILE=" + file,
		"SSL_CERT_DIR=" + filepath.Join(filepath.Dir(file), "none"),
		"REQUESTS_CA_BUNDLE=" + file,
		"NODE_EXTRA_CA_CERTS=" + file,
	}
}

func (e *environment) startStore(ctx context.Context, w workshop) error {
	program, err := s3server.Build(ctx, w.repository, say)
	if err != nil {
		return err
	}
	dir := filepath.Join(w.dir, "store")
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	cfg := aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider("bench", "bench-secret-access-key", ""),
	}
	server, err := s3server.Start(ctx, s3server.Options{Program: program, Dir: dir, Bucket: bucket, AWS: cfg, Notify: say})
	if err != nil {
		return err
	}
	e.close = append(e.close, func() error { server.Close(); return os.RemoveAll(dir) })
	e.store = s3.NewFromConfig(cfg, func(o *s3.Options) {
		o.BaseEndpoint = &server.Endpoint
		o.UsePathStyle = true
	})
	e.env = append(e.env, "AWS_ENDPOINT_URL_S3="+server.Endpoint)
	return nil
}

// Close ends the services, the last one first.
func (e *environment) Close() error {
	var errs []error
	for _, end := range slices.Backward(e.close) {
		errs = append(errs, end())
	}
	return errors.Join(errs...)
}

// say tells the user how it goes on, beside the report.
func say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}
