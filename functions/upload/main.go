// Command upload is the AWS Lambda function that takes the files of a
// conversation. It runs behind a REST or HTTP API of API Gateway, a Function URL
// or an Application Load Balancer.
package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"

	"uploadfiles/internal/app"
	"uploadfiles/internal/start"
)

func main() {
	var level slog.LevelVar
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: &level}))
	function, err := newFunction(os.Getenv, &level, log)
	if err != nil {
		log.Error("the function cannot start", "cause", err.Error())
		os.Exit(1)
	}
	warm(function)
	lambda.Start(function)
}

// newFunction makes the function from what the environment says.
func newFunction(getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (*app.App, error) {
	settings, settingsErr := app.ParseSettings(getenv)
	cfg, awsErr := awsConfig(getenv)
	if err := errors.Join(settingsErr, awsErr); err != nil {
		return nil, err
	}
	level.Set(settings.LogLevel)
	return app.New(cfg, settings, log), nil
}

// awsConfig reads what Lambda sets: region, and the credentials of the role
// (https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html). The
// SDK's own config package would look in a dozen other places that Lambda has
// not, and make the binary a fifth larger.
func awsConfig(getenv func(string) string) (aws.Config, error) {
	region, id, secret := getenv("AWS_REGION"), getenv("AWS_ACCESS_KEY_ID"), getenv("AWS_SECRET_ACCESS_KEY")
	if region == "" || id == "" || secret == "" {
		return aws.Config{}, errors.New("AWS_REGION, AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are not all set: " +
			"Lambda sets them; elsewhere write those of a user who may use the bucket and the secret")
	}
	return aws.Config{
		Region:      region,
		Credentials: credentials.NewStaticCredentialsProvider(id, secret, getenv("AWS_SESSION_TOKEN")),
	}, nil
}

// warmLimit bounds what a start waits for services that do not answer.
const warmLimit = time.Second

// warm makes the first answer faster. On demand it runs beside the first poll,
// from when that is sent: an event is waiting already. With provisioned
// concurrency none is, and the process may be frozen after the poll, so it comes
// before.
func warm(function *app.App) {
	work := func() {
		ctx, cancel := context.WithTimeout(context.Background(), warmLimit)
		defer cancel()
		function.Warm(ctx)
	}
	if os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency" {
		work()
		return
	}
	start.AfterPoll(os.Getenv("AWS_LAMBDA_RUNTIME_API"), work)
}
