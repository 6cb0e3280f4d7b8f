// Package uploadfunction joins the parts of the upload function. The function and
// the local stack share it; only the addresses differ.
package uploadfunction

import (
	"context"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/function"
	"uploadfiles/internal/deployed/httpapi"
	"uploadfiles/internal/deployed/lambdahttp"
	"uploadfiles/internal/deployed/mediatype"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/uploadapi"
)

// Settings are what the environment says to the upload function. The AWS SDK
// reads the rest of it: region and credentials.
type Settings struct {
	function.Shared
	MaxFiles    int   // MAX_FILES: in one request
	MaxFileSize int64 // MAX_FILE_SIZE: bytes in one file; zero means no limit
	MaxDirect   int64 // MAX_DIRECT_FILE_SIZE: bytes in one file that goes straight to S3
	Rules       mediatype.Rules
	SkipObjects bool // SKIPPED_FILES=objects
}

const maxMaxFiles = 100_000

// ParseSettings reads the settings and reports all that is wrong at once, each
// with what to write instead.
func ParseSettings(getenv func(string) string) (Settings, error) {
	e := function.NewEnvironment(getenv)
	s := Settings{
		Shared:      e.Shared(),
		MaxFiles:    int(e.Integer("MAX_FILES", 1000, maxMaxFiles)),
		MaxFileSize: e.Integer("MAX_FILE_SIZE", 0, 1<<50),
		MaxDirect:   e.Integer("MAX_DIRECT_FILE_SIZE", direct.DefaultSize, direct.MaxSize),
		SkipObjects: e.Choice("SKIPPED_FILES", "names", "objects") == "objects",
	}
	var err error
	s.Rules, err = mediatype.ParseRules(getenv("ALLOWED_TYPES"), getenv("ALLOWED_EXTENSIONS"))
	e.Add(err)
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
	return function.Function{Handler: app, Warm: app.Warm}, nil
}

// New makes the function. It makes no request; clients are built once, here.
func New(cfg aws.Config, s Settings, log *slog.Logger) *function.App {
	folders := &upload.Folders{}
	services := function.NewServices(cfg, s.Shared, upload.DefaultParallel, log)
	uploads := uploadapi.UploadFiles{
		Uploads: &upload.Uploader{
			Store:       services.Store,
			Prefix:      s.Prefix,
			MaxFileSize: s.MaxFileSize,
			Rules:       s.Rules,
			Required:    s.Required,
			MaxAnswer:   func(ctx context.Context) int { return lambdahttp.LimitsFrom(ctx).Text },
			Folders:     folders,
		},
		MaxFiles:    s.MaxFiles,
		SkipObjects: s.SkipObjects,
	}
	lane := uploadapi.Direct{
		Lane: &direct.Lane{
			Store:    services.Store,
			Prefix:   s.Prefix,
			MaxSize:  s.MaxDirect,
			Rules:    s.Rules,
			Required: s.Required,
			Folders:  folders,
		},
		Bucket:      s.Bucket,
		SkipObjects: s.SkipObjects,
	}
	uploads.Direct = lane.From()
	return services.App(append(lane.Routes(), uploads.Route(), httpapi.Description())...)
}
