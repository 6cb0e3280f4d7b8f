// Command files is the AWS Lambda function that lists, hands out and deletes the
// files of a conversation. It runs behind a REST or HTTP API of API Gateway, a
// Function URL or an Application Load Balancer.
package main

import (
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"

	"uploadfiles/internal/filesapp"
	"uploadfiles/internal/start"
)

func main() { start.Main(join) }

func join(cfg aws.Config, getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (start.Function, error) {
	settings, err := filesapp.ParseSettings(getenv)
	if err != nil {
		return start.Function{}, err
	}
	level.Set(settings.LogLevel)
	function := filesapp.New(cfg, settings, log)
	return start.Function{Handler: function.LambdaHandler(), Warm: function.Warm}, nil
}
