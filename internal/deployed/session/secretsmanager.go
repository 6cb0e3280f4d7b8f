package session

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
)

// Attempts of one Get, their time, and the pause between them: 4.2 seconds in all.
// An attempt has a limit of its own because a connection may have died unseen
// while Lambda had the process frozen; the next attempt takes another.
const (
	attempts     = 3
	attemptLimit = 1200 * time.Millisecond
	attemptPause = 300 * time.Millisecond
)

// SecretGetter is what [SecretsManager] calls of the SDK's client.
type SecretGetter interface {
	GetSecretValue(context.Context, *secretsmanager.GetSecretValueInput, ...func(*secretsmanager.Options)) (*secretsmanager.GetSecretValueOutput, error)
}

// SecretsManager is AWS Secrets Manager as [Secrets].
type SecretsManager struct{ client SecretGetter }

// NewSecretsManager makes Secrets from the SDK's client.
func NewSecretsManager(client SecretGetter) *SecretsManager { return &SecretsManager{client} }

// Get reads a version in at most 3 attempts and 4.2 seconds. The permission that it
// needs is secretsmanager:GetSecretValue, and kms:Decrypt where the secret is
// encrypted under a customer managed key
// (https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html).
func (s *SecretsManager) Get(ctx context.Context, id, stage string) (Version, error) {
	out, err := s.client.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{
		SecretId:     &id,
		VersionStage: &stage,
	}, limitAttempts)
	if err != nil {
		return Version{}, classify(err)
	}
	if out.SecretString == nil {
		return Version{}, malformed("binary, not text")
	}
	return Version{
		ID:      aws.ToString(out.VersionId),
		Value:   *out.SecretString,
		Created: aws.ToTime(out.CreatedDate),
	}, nil
}

// classify tells a secret that is not there from one that cannot be read.
func classify(err error) error {
	if _, ok := errors.AsType[*types.ResourceNotFoundException](err); ok {
		return fmt.Errorf("%w: %w", ErrNoSecret, err)
	}
	if invalid, ok := errors.AsType[*types.InvalidRequestException](err); ok && saysDeleted(invalid.ErrorMessage()) {
		return fmt.Errorf("%w: %w", ErrNoSecret, err)
	}
	// The text of an error about an answer that cannot be read may quote it.
	if _, ok := errors.AsType[*smithy.DeserializationError](err); ok {
		return errors.New("the answer of Secrets Manager cannot be read")
	}
	return err
}

// saysDeleted holds for the message about a deleted secret in its recovery window,
// which is all that tells that error from others with its code: in AWS's words
// (https://github.com/external-secrets/external-secrets/issues/4560), and in those
// of LocalStack (https://github.com/localstack/awscli-local/issues/83).
func saysDeleted(message string) bool {
	return strings.Contains(message, "marked for deletion") || strings.Contains(message, "marked deleted")
}

func limitAttempts(o *secretsmanager.Options) {
	o.Retryer = retry.AddWithMaxBackoffDelay(o.Retryer, attemptPause)
	o.RetryMaxAttempts = attempts
	o.APIOptions = append(o.APIOptions, func(stack *middleware.Stack) error {
		return stack.Finalize.Insert(middleware.FinalizeMiddlewareFunc("AttemptLimit", limitAttempt), "Retry", middleware.After)
	})
}

func limitAttempt(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (middleware.FinalizeOutput, middleware.Metadata, error) {
	attempt, cancel := context.WithTimeout(ctx, attemptLimit)
	defer cancel()
	out, metadata, err := next.HandleFinalize(attempt, in)
	if err != nil && attempt.Err() != nil {
		err = slowAttempt{}
	}
	return out, metadata, err
}

// slowAttempt is an attempt without an answer in time. The SDK takes the end of
// a context for the caller's wish and would not try again.
type slowAttempt struct{}

func (slowAttempt) Error() string { return "no answer within " + attemptLimit.String() }

// RetryableError is what the SDK's retryer asks an error for.
func (slowAttempt) RetryableError() bool { return true }
