// Package filesapp joins the parts of the files function. The function and the
// local stack share it; only the addresses differ.
package filesapp

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/app"
	"uploadfiles/internal/files"
	"uploadfiles/internal/filesapi"
	"uploadfiles/internal/page"
)

// Settings are what the environment says to the files function.
type Settings struct {
	app.Shared
	Streaming bool // RESPONSE_STREAMING: what invokes the function takes streamed answers
}

// ParseSettings reads the settings and reports all that is wrong at once, each
// with what to write instead.
func ParseSettings(getenv func(string) string) (Settings, error) {
	shared, err := app.ParseShared(getenv)
	s := Settings{Shared: shared}
	switch streaming := getenv("RESPONSE_STREAMING"); streaming {
	case "true":
		s.Streaming = true
	case "", "false":
	default:
		err = errors.Join(err, fmt.Errorf("RESPONSE_STREAMING is %q: write true or false", streaming))
	}
	return s, err
}

// App is the function, ready for events.
type App struct {
	*app.App
	streaming bool
}

// New makes the function. It makes no request.
func New(cfg aws.Config, s Settings, log *slog.Logger) *App {
	services := app.NewServices(cfg, s.Shared, files.DefaultParallel, log)
	api := filesapi.API{
		Files:  files.New(files.Options{Store: services.Store, Prefix: s.Prefix, Required: s.Required}),
		MaxZip: maxWhole,
	}
	if s.Streaming {
		api.MaxZip = maxStreamed
	}
	routes := append(api.Routes(), page.Routes(services.Store.Origin)...)
	return &App{services.App(routes...), s.Streaming}
}

// How many bytes of a body Lambda hands on: as a stream 200 MB
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html),
// and otherwise what 6 MB hold in base64, with room for headers.
const (
	maxStreamed = 200_000_000 - 64<<10
	maxWhole    = (6<<20 - 64<<10) / 4 * 3
)

// LambdaHandler is what lambda.Start takes.
func (a *App) LambdaHandler() any {
	if a.streaming {
		return a.Stream
	}
	return a
}
