// Command upload is the AWS Lambda function that takes the files of a
// conversation. It runs behind a REST or HTTP API of API Gateway, a Function URL
// or an Application Load Balancer.
package main

import (
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/app"
	"uploadfiles/internal/start"
)

func main() { start.Main(join) }

func join(cfg aws.Config, getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (start.Function, error) {
	settings, err := app.ParseSettings(getenv)
	if err != nil {
		return start.Function{}, err
	}
	level.Set(settings.LogLevel)
	function := app.New(cfg, settings, log)
	return start.Function{Handler: function, Warm: function.Warm}, nil
}
