package s3store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"uploadfiles/internal/deployed/s3object"
)

// A header asks for objects (HeadObject). A listing asks for each of its objects,
// and the SDK's operation takes three times the processor time of this, most of it
// for what no HEAD needs: so the request is made here, and the SDK's signer, HTTP
// client and retryer do the rest.
type header struct {
	client  aws.HTTPClient
	retryer aws.Retryer
	signer  presigner // of the endpoint that is asked
}

func newHeader(client *s3.Client, credentials aws.CredentialsProvider, bucket string) header {
	o := client.Options()
	return header{o.HTTPClient, o.Retryer, newPresigner(client, credentials, bucket)}
}

// emptySHA256 is the hash of a body that is not there, in hexadecimal digits.
const emptySHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// answer is what S3 answers to a HEAD.
type answer struct {
	size   int64
	header http.Header
}

// ask asks for one object, and again as the SDK would: as often, after such waits
// and errors, and as long as the retries that all calls share last
// (https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html).
func (h header) ask(ctx context.Context, key string) (answer, error) {
	release := func(error) error { return nil }
	for attempt := 1; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return answer{}, &smithy.CanceledError{Err: err}
		}
		succeeded := h.retryer.GetInitialToken()
		a, err := h.try(ctx, key)
		if err := errors.Join(release(err), succeeded(err)); err != nil {
			return answer{}, fmt.Errorf("count the attempts: %w", err)
		}
		if err == nil || !h.retryer.IsErrorRetryable(err) {
			return a, err
		}
		if attempt >= h.retryer.MaxAttempts() {
			return answer{}, &retry.MaxAttemptsError{Attempt: attempt, Err: err}
		}
		if release, err = h.wait(ctx, attempt, err); err != nil {
			return answer{}, err
		}
	}
}

// wait waits between two attempts, if another may be made after the error of the
// last. It returns what is to be told what became of it.
func (h header) wait(ctx context.Context, attempt int, failed error) (release func(error) error, err error) {
	release, err = h.retryer.GetRetryToken(ctx, failed)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	delay, err := h.retryer.RetryDelay(attempt, failed)
	if err != nil {
		return nil, errors.Join(failed, err)
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return release, nil
	case <-ctx.Done():
		return nil, &aws.RequestCanceledError{Err: ctx.Err()}
	}
}

// try asks once. Its errors are of the SDK's types, which the retryer knows.
func (h header) try(ctx context.Context, key string) (answer, error) {
	u, err := h.signer.address(key)
	if err != nil {
		return answer{}, err
	}
	request := (&http.Request{
		Method: http.MethodHead,
		URL:    u,
		Host:   u.Host,
		Header: http.Header{
			"X-Amz-Checksum-Mode":  {"ENABLED"},
			"X-Amz-Content-Sha256": {emptySHA256},
		},
	}).WithContext(ctx)
	if err := h.signer.signHeader(ctx, request, emptySHA256); err != nil {
		return answer{}, err
	}
	response, err := h.client.Do(request)
	switch {
	case err != nil && ctx.Err() != nil:
		return answer{}, &smithy.CanceledError{Err: ctx.Err()}
	case err != nil:
		return answer{}, &smithyhttp.RequestSendError{Err: err}
	}
	_ = response.Body.Close() // a HEAD has none
	if response.StatusCode != http.StatusOK {
		return answer{}, &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: response},
			Err:      fmt.Errorf("status %s, request id %s", response.Status, response.Header.Get("X-Amz-Request-Id")),
		}
	}
	return answer{max(response.ContentLength, 0), response.Header}, nil
}

// told is what S3 tells of an object besides what a listing has.
type told struct {
	contentType    string
	sha256, crc32  string // of S3 itself, in base64
	sha256Declared string // in hexadecimal digits, by who put the object there
	crc32Declared  string
}

func (a answer) told() told {
	return told{
		contentType:    a.header.Get("Content-Type"),
		sha256:         a.header.Get("X-Amz-Checksum-Sha256"),
		crc32:          a.header.Get("X-Amz-Checksum-Crc32"),
		sha256Declared: a.header.Get(metaHeader + metaSHA256),
		crc32Declared:  a.header.Get(metaHeader + metaCRC32),
	}
}

// headOf knows the hash where S3 has verified it, and else where who put the object
// there has declared it in its metadata.
func headOf(o s3object.Info, t told) s3object.Head {
	h := s3object.Head{Info: o, ContentType: t.contentType, CRC32: crc32Of(t.crc32, t.crc32Declared)}
	h.SHA256, h.Verified = wholeSHA256(t.sha256)
	h.Hashed = h.Verified
	if declared, err := hex.DecodeString(t.sha256Declared); !h.Verified && err == nil && len(declared) == len(h.SHA256) {
		h.SHA256, h.Hashed = [32]byte(declared), true
	}
	return h
}

// info is what an answer tells of an object as a listing does too.
func (a answer) info(key string) s3object.Info {
	modified, _ := http.ParseTime(a.header.Get("Last-Modified")) // the zero time where there is none
	return s3object.Info{Key: key, Size: a.size, Modified: modified.UTC(), ETag: a.header.Get("ETag")}
}

// wholeSHA256 is S3's checksum where it is that of the whole object. That of one
// in parts ends in "-" and their number and does not decode
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/checking-object-integrity-upload.html).
func wholeSHA256(checksum string) (sum [32]byte, ok bool) {
	decoded, err := base64.StdEncoding.DecodeString(checksum)
	if err != nil || len(decoded) != len(sum) {
		return sum, false
	}
	return [32]byte(decoded), true
}
