// Package filesfunction joins the parts of the files function. The function and the
// local stack share it; only the addresses differ.
package filesfunction

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/filesapi"
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/page"
)

// Settings are what the environment says to the files function.
type Settings struct {
	function.Shared
	Streaming bool // RESPONSE_STREAMING: what invokes the function takes streamed answers
}

// ParseSettings reads the settings and reports all that is wrong at once, each
// with what to write instead.
func ParseSettings(getenv func(string) string) (Settings, error) {
	e := function.NewEnvironment(getenv)
	s := Settings{
		Shared:    e.Shared(),
		Streaming: e.Bool("RESPONSE_STREAMING"),
	}
	return s, e.Err()
}

// Join makes the function from its environment.
func Join(cfg aws.Config, getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (function.Function, error) {
	settings, err := ParseSettings(getenv)
	if err != nil {
		return function.Function{}, err
	}
	level.Set(settings.LogLevel)
	app := New(cfg, settings, log)
	return function.Function{Handler: app.LambdaHandler(), Warm: app.Warm}, nil
}

// App is the function, ready for events.
type App struct {
	*function.App
	streaming bool
}

// New makes the function. It makes no request.
func New(cfg aws.Config, s Settings, log *slog.Logger) *App {
	services := function.NewServices(cfg, s.Shared, files.DefaultParallel, log)
	api := filesapi.API{
		Files:  files.New(files.Options{Store: services.Store, Prefix: s.Prefix, Required: s.Required}),
		MaxZip: func(ctx context.Context) int64 { return int64(lambdahttp.LimitsFrom(ctx).Binary) },
	}
	routes := append(api.Routes(), page.Routes(services.Store.Origin)...)
	return &App{services.App(routes...), s.Streaming}
}

// LambdaHandler is what lambda.Start takes.
func (a *App) LambdaHandler() any {
	if a.streaming {
		return a.Stream
	}
	return a
}
