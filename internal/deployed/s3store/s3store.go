// Package s3store keeps uploads in an S3 bucket.
package s3store

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"uploadfiles/internal/deployed/filename"
	"uploadfiles/internal/deployed/upload"
)

// Options are what a [Store] needs besides the AWS configuration.
type Options struct {
	Bucket         string
	Endpoint       string        // of S3; empty means the one of AWS
	PublicEndpoint string        // that presigned URLs name; empty means Endpoint
	URLExpiry      time.Duration // life of a presigned URL, up to 7 days
}

// Store is an [upload.Store] and a [direct.Store] in one S3 bucket. Its role
// needs s3:PutObject and s3:GetObject on the prefix, s3:AbortMultipartUpload and
// s3:ListMultipartUploadParts for uploads in parts, and s3:GetObjectTagging if
// tags are asked for.
type Store struct {
	client    *s3.Client
	header    header
	presigner presigner
	bucket    string
	expiry    time.Duration
}

var _ upload.Store = (*Store)(nil)

// Attempts and waits of one call. The default longest wait of the SDK is 20 s,
// most of what a request behind API Gateway has in all.
const (
	maxAttempts = 3
	maxBackoff  = 2 * time.Second
)

// New makes the store. It makes no request.
func New(cfg aws.Config, o Options) *Store {
	options := func(endpoint string) func(*s3.Options) {
		return func(s *s3.Options) {
			if endpoint != "" {
				s.BaseEndpoint = &endpoint
				s.UsePathStyle = true
			}
			s.Retryer = retryer()
			// Asking first whether a body is welcome costs a round trip; ours is.
			s.ContinueHeaderThresholdBytes = -1
			// We give the one checksum that is wanted; see Create.
			s.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
			s.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		}
	}
	public := s3.NewFromConfig(cfg, options(cmp.Or(o.PublicEndpoint, o.Endpoint)))
	client := s3.NewFromConfig(cfg, options(o.Endpoint))
	return &Store{
		client:    client,
		header:    newHeader(client, cfg.Credentials, o.Bucket),
		presigner: newPresigner(public, cfg.Credentials, o.Bucket),
		bucket:    o.Bucket,
		expiry:    o.URLExpiry,
	}
}

func retryer() aws.Retryer {
	standard := retry.NewStandard(func(o *retry.StandardOptions) {
		o.MaxAttempts = maxAttempts
		o.MaxBackoff = maxBackoff
	})
	return retry.AddWithErrorCodes(standard,
		// Another conditional write of the key was under way
		// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html).
		"ConditionalRequestConflict",
		// The bytes changed on their way.
		"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
	)
}

// Create writes o unless its key is taken (If-None-Match: *). S3 verifies the
// SHA-256, which is the hash of the signature at the same time: the bytes are
// read once to send them, and for nothing else.
func (s *Store) Create(ctx context.Context, o upload.Object) error {
	_, err := s.client.PutObject(ctx, &s3.PutObjectInput{
		Bucket:             &s.bucket,
		Key:                &o.Key,
		Body:               bytes.NewReader(o.Data),
		ContentLength:      aws.Int64(int64(len(o.Data))),
		ContentType:        &o.ContentType,
		ContentDisposition: &o.Disposition,
		ChecksumSHA256:     aws.String(base64.StdEncoding.EncodeToString(o.SHA256[:])),
		IfNoneMatch:        aws.String("*"),
	}, s3.WithAPIOptions(
		payloadHash(hex.EncodeToString(o.SHA256[:])),
		smithyhttp.SetHeaderValue(metaHeader+"Crc32", hexCRC32(o.CRC32)), // as Metadata it takes more memory
		withoutInvocationID,
	))
	if err != nil {
		return fmt.Errorf("put object: %w", classify(err))
	}
	return nil
}

// withoutInvocationID leaves out a random header by which AWS could tell attempts of
// one call from calls: S3 does not need it, and it is one more to sign.
func withoutInvocationID(stack *middleware.Stack) error {
	_, err := stack.Build.Remove("ClientRequestID")
	return err
}

// payloadHash gives the signer the hash of the body, so that it does not read
// the body to compute it.
func payloadHash(sum string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("KnownPayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, sum), in)
			}), middleware.Before)
	}
}

// Stat asks for size and SHA-256 (HeadObject, which s3:GetObject allows).
func (s *Store) Stat(ctx context.Context, key string) (upload.Stored, error) {
	a, err := s.head(ctx, key)
	if err != nil {
		return upload.Stored{}, err
	}
	sum, ok := wholeSHA256(a.told().sha256)
	return upload.Stored{Size: a.size, SHA256: sum, Hashed: ok}, nil
}

func (s *Store) head(ctx context.Context, key string) (answer, error) {
	a, err := s.header.ask(ctx, key)
	if err != nil {
		return answer{}, fmt.Errorf("head object: %w", classifyHead(err))
	}
	return a, nil
}

// Tag asks for the tags of an object (GetObjectTagging).
func (s *Store) Tag(ctx context.Context, key, tag string) (string, error) {
	out, err := s.client.GetObjectTagging(ctx, &s3.GetObjectTaggingInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("get object tagging: %w", classify(err))
	}
	for _, t := range out.TagSet {
		if aws.ToString(t.Key) == tag {
			return aws.ToString(t.Value), nil
		}
	}
	return "", nil
}

// Link presigns a GET that downloads the object under the name, whatever its
// type, as the bytes that it has: who sends a file to S3 itself can give it a
// Content-Encoding, by which a client would make other bytes of it.
func (s *Store) Link(ctx context.Context, key, name string) (upload.Link, error) {
	address, expires, err := s.presigner.sign(ctx, wish{
		method: http.MethodGet,
		key:    key,
		query: url.Values{
			"response-content-disposition": {filename.Attachment(name)},
			"response-content-encoding":    {"identity"},
		},
	}, s.expiry)
	if err != nil {
		return upload.Link{}, err
	}
	return upload.Link{URL: address, Expires: expires.UTC().Truncate(time.Second)}, nil
}

// Warm opens a connection to the bucket's host. The request is not signed, so
// that whatever it is answered means nothing, and nobody is charged for it
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/ErrorCodeBilling.html).
func (s *Store) Warm(ctx context.Context) error {
	address, err := bucketAddress(s.client, s.bucket)
	if err != nil {
		return err
	}
	address.Path += "/"
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, address.String(), nil)
	if err != nil {
		return err
	}
	response, err := s.client.Options().HTTPClient.Do(request)
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// classify adds to an error of the SDK what it means for an upload.
func classify(err error) error {
	switch status := statusOf(err); {
	case onDisk[codeOf(err)] != nil:
		return fmt.Errorf("%w: %w", onDisk[codeOf(err)], err)
	case status == http.StatusPreconditionFailed:
		return fmt.Errorf("%w: %w", upload.ErrExists, err)
	case status == 0, status >= 500, status == http.StatusRequestTimeout, status == http.StatusConflict,
		status == http.StatusTooManyRequests, passing[codeOf(err)]:
		return fmt.Errorf("%w: %w", upload.ErrUnavailable, err)
	}
	return err // a wrong bucket, role or key policy: no later try will do better
}

// statusOf is zero where no answer came: the connection was refused or reset, it
// took too long, or there were no credentials to ask with.
func statusOf(err error) int {
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return response.HTTPStatusCode()
	}
	return 0
}

func codeOf(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

// onDisk are the error codes of servers that keep objects on a disk, where "a"
// and "a/b" cannot both be: versitygw's, and MinIO's
// (https://github.com/minio/minio/blob/master/cmd/api-errors.go).
var onDisk = map[string]error{
	"ExistingObjectIsDirectory":     upload.ErrIsFolder,
	"ObjectParentIsFile":            upload.ErrBelowFile,
	"XMinioObjectExistsAsDirectory": upload.ErrIsFolder,
	"XMinioParentIsObject":          upload.ErrBelowFile,
}

// passing are the error codes under a 4xx status that a later try may not meet
// (https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
var passing = map[string]bool{
	"BadDigest":                   true,
	"ExpiredToken":                true,
	"ExpiredTokenException":       true,
	"RequestTimeTooSkewed":        true,
	"RequestTimeout":              true,
	"TokenRefreshRequired":        true,
	"XAmzContentSHA256Mismatch":   true,
	"XAmzContentChecksumMismatch": true,
}

// classifyHead is classify for an answer without a body. There 404 can only mean
// the key: a bucket that does not exist has refused the write before. A role that
// may not list the bucket gets 403 in its place
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_HeadObject.html). Where
// 403 means that the object may not be read, taking it for missing does no harm:
// no write replaces an object.
func classifyHead(err error) error {
	switch statusOf(err) {
	case http.StatusNotFound, http.StatusForbidden:
		return fmt.Errorf("%w: %w", upload.ErrNotFound, err)
	}
	return classify(err)
}
