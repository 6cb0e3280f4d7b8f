// Package function is what every Lambda function of this project has: its
// settings, its clients, its metrics, and how it begins. What it is made of
// besides, the package of each function joins. The functions and the local stack
// share it; only the addresses differ.
package function

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
)

// A Function is ready for events.
type Function struct {
	Handler any                       // what [lambda.Start] takes
	Warm    func(ctx context.Context) // makes the first answer faster
}

// A Join makes a function from what the environment says, and sets the level of
// its log. It makes no request. It is called with what there is of cfg even
// where cfg is not complete, so that all that is wrong is reported at once.
type Join func(cfg aws.Config, getenv func(string) string, level *slog.LevelVar, log *slog.Logger) (Function, error)

// Main serves events until Lambda ends the process. Where the function cannot
// start, it says why in one log line.
func Main(join Join) {
	var level slog.LevelVar
	log := slog.New(slog.NewJSONHandler(os.Stdout, &slog.HandlerOptions{Level: &level}))
	cfg, awsErr := awsConfig(os.Getenv)
	function, err := join(cfg, os.Getenv, &level, log)
	if err := errors.Join(err, awsErr); err != nil {
		log.Error("the function cannot start", "cause", err.Error())
		os.Exit(1)
	}
	function.warm()
	lambda.Start(function.Handler)
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
func (f Function) warm() {
	work := func() {
		ctx, cancel := context.WithTimeout(context.Background(), warmLimit)
		defer cancel()
		f.Warm(ctx)
	}
	if os.Getenv("AWS_LAMBDA_INITIALIZATION_TYPE") == "provisioned-concurrency" {
		work()
		return
	}
	AfterPoll(os.Getenv("AWS_LAMBDA_RUNTIME_API"), work)
}
