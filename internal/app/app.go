// Package app joins the parts of the function. The function and the local stack
// share it; only the addresses differ.
package app

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"uploadfiles/internal/direct"
	"uploadfiles/internal/httpapi"
	"uploadfiles/internal/lambdahttp"
	"uploadfiles/internal/s3store"
	"uploadfiles/internal/session"
	"uploadfiles/internal/upload"
)

// App is the function, ready for events.
type App struct {
	*lambdahttp.Handler
	keys  *session.Keys
	store *s3store.Store
}

// New makes the function. It makes no request; clients are built once, here.
func New(cfg aws.Config, s Settings, log *slog.Logger) *App {
	cfg.HTTPClient = tuned(cfg.HTTPClient)
	store := s3store.New(cfg, s3store.Options{
		Bucket:         s.Bucket,
		Endpoint:       s.S3Endpoint,
		PublicEndpoint: s.PublicEndpoint,
		URLExpiry:      s.URLExpiry,
	})
	metrics := &metrics{function: s.Function}
	keys := session.New(session.NewSecretsManager(secretsClient(cfg, s.SecretsEndpoint)), session.Options{
		Secret:         s.Secret,
		TTL:            s.KeyCache,
		PreviousWindow: cmp.Or(s.KeyOverlap, session.Off),
		Log:            log,
		RefreshFailed:  func() { metrics.refreshFailed.Add(1) },
	})
	options := httpapi.Options{Keys: keys, Origins: s.Origins, Log: log}
	if s.Function != "" {
		options.Metrics = metrics.attrs
	}
	uploads := httpapi.UploadFiles{
		Uploads: &upload.Uploader{
			Store:       store,
			Prefix:      s.Prefix,
			MaxFileSize: s.MaxFileSize,
			Rules:       s.Rules,
			Required:    s.Required,
			MaxAnswer:   httpapi.MaxAnswer,
		},
		MaxFiles:    s.MaxFiles,
		SkipObjects: s.SkipObjects,
	}
	lane := httpapi.Direct{
		Lane: &direct.Lane{
			Store:    store,
			Prefix:   s.Prefix,
			MaxSize:  s.MaxDirect,
			Rules:    s.Rules,
			Required: s.Required,
		},
		Bucket:      s.Bucket,
		SkipObjects: s.SkipObjects,
	}
	uploads.Direct = func(c upload.Conversation) httpapi.DirectLane { return lane.For(c, s.BasePath) }
	api := httpapi.New(options, append(lane.Routes(), uploads.Route(), httpapi.Description())...)
	return &App{lambdahttp.New(api, lambdahttp.Options{BasePath: s.BasePath, Logger: log}), keys, store}
}

func secretsClient(cfg aws.Config, endpoint string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
}

// tuned makes the SDK's HTTP client keep a connection for each parallel write.
// Idle ones are dropped before S3 drops them: one that died while Lambda had the
// process frozen costs a failed attempt
// (https://github.com/aws/aws-sdk-go-v2/issues/3423). Connections after the
// first resume its TLS session. A client of another kind stays as it is.
func tuned(client aws.HTTPClient) aws.HTTPClient {
	buildable, ok := client.(*awshttp.BuildableClient)
	switch {
	case client == nil:
		buildable = awshttp.NewBuildableClient()
	case !ok:
		return client
	}
	return buildable.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = upload.DefaultParallel
		t.IdleConnTimeout = 25 * time.Second
		if t.TLSClientConfig == nil {
			t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		}
		t.TLSClientConfig.ClientSessionCache = tls.NewLRUClientSessionCache(0)
	})
}

// Warm opens the first connections and reads the session key that all
// conversations share, if there is one, so that the first request need not. It
// gives up with ctx and reports nothing: what does not work now is tried, and
// reported, by the request that needs it.
func (a *App) Warm(ctx context.Context) {
	var group sync.WaitGroup
	group.Go(func() { _ = a.keys.Warm(ctx) })
	group.Go(func() { _ = a.store.Warm(ctx) })
	group.Wait()
}
