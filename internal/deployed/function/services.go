package function

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

	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/deployed/session"
)

// App is a function, ready for events.
type App struct {
	*lambdahttp.Handler
	services *Services
}

// Services are what the functions stand on. Keys and Store are safe for
// concurrent use.
type Services struct {
	Keys  *session.Keys
	Store *s3store.Store

	settings Shared
	metrics  *metrics
	log      *slog.Logger
}

// NewServices builds the clients. It makes no request. Parallel is how many
// requests a call makes of a service at once.
func NewServices(cfg aws.Config, s Shared, parallel int, log *slog.Logger) *Services {
	cfg.HTTPClient = tuned(cfg.HTTPClient, parallel)
	metrics := &metrics{function: s.Function}
	return &Services{
		Keys: session.New(session.NewSecretsManager(secretsClient(cfg, s.SecretsEndpoint)), session.Options{
			Secret:         s.Secret,
			TTL:            s.KeyCache,
			PreviousWindow: cmp.Or(s.KeyOverlap, session.Off),
			Log:            log,
			RefreshFailed:  func() { metrics.refreshFailed.Add(1) },
		}),
		Store: s3store.New(cfg, s3store.Options{
			Bucket:         s.Bucket,
			Endpoint:       s.S3Endpoint,
			PublicEndpoint: s.PublicEndpoint,
			URLExpiry:      s.URLExpiry,
		}),
		settings: s,
		metrics:  metrics,
		log:      log,
	}
}

// App makes the function that answers these routes.
func (s *Services) App(routes ...httpapi.Route) *App {
	options := httpapi.Options{Keys: s.Keys, Origins: s.settings.Origins, Log: s.log}
	if s.settings.Function != "" {
		options.Metrics = s.metrics.attrs
	}
	api := httpapi.New(options, routes...)
	return &App{lambdahttp.New(api, lambdahttp.Options{BasePath: s.settings.BasePath, Logger: s.log}), s}
}

func secretsClient(cfg aws.Config, endpoint string) *secretsmanager.Client {
	return secretsmanager.NewFromConfig(cfg, func(o *secretsmanager.Options) {
		if endpoint != "" {
			o.BaseEndpoint = &endpoint
		}
	})
}

// tuned makes the SDK's HTTP client keep a connection for each of the requests that
// are made at once: the next call makes as many again, and a new connection takes
// longer than a small request. Idle ones are dropped before S3 drops them: one that
// died while Lambda had the process frozen costs a failed attempt
// (https://github.com/aws/aws-sdk-go-v2/issues/3423). Connections after the first
// resume its TLS session. A client of another kind stays as it is.
func tuned(client aws.HTTPClient, parallel int) aws.HTTPClient {
	buildable, ok := client.(*awshttp.BuildableClient)
	switch {
	case client == nil:
		buildable = awshttp.NewBuildableClient()
	case !ok:
		return client
	}
	return buildable.WithTransportOptions(func(t *http.Transport) {
		t.MaxIdleConnsPerHost = parallel
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
	group.Go(func() { _ = a.services.Keys.Warm(ctx) })
	group.Go(func() { _ = a.services.Store.Warm(ctx) })
	group.Wait()
}
