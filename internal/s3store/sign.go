package s3store

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"uploadfiles/internal/upload"
)

// A presigner signs requests for others to send. One signer for all of them
// makes a smaller binary than the SDK's code for presigning each operation, and
// signs what that has no method for.
type presigner struct {
	signer      *v4.Signer
	client      *s3.Client // only its options are used
	credentials aws.CredentialsProvider
	bucket      string
}

func newPresigner(client *s3.Client, credentials aws.CredentialsProvider, bucket string) presigner {
	signer := v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 takes paths as they are
		o.DisableHeaderHoisting = true  // what is signed as a header must come as one
	})
	return presigner{signer, client, credentials, bucket}
}

// unsignedPayload stands for the hash of a body that the signer does not know
// (https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html).
const unsignedPayload = "UNSIGNED-PAYLOAD"

// A wish is a request that somebody else is to send. Its headers and, unless it
// is zero, its length are part of the signature.
type wish struct {
	method string
	key    string
	query  url.Values
	header http.Header
	length int64
}

// sign returns the URL for a request, and when it ends: with the credentials,
// if that is sooner. S3 refuses a URL whose credentials have expired
// (https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html).
func (p presigner) sign(ctx context.Context, w wish, expiry time.Duration) (address string, expires time.Time, err error) {
	credentials, err := p.credentials.Retrieve(ctx)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("credentials: %w: %w", upload.ErrUnavailable, err)
	}
	u, err := p.address(ctx, w.key)
	if err != nil {
		return "", time.Time{}, err
	}
	now := time.Now()
	query := url.Values{"X-Amz-Expires": {strconv.FormatInt(int64(expiry/time.Second), 10)}}
	for name, values := range w.query {
		query[name] = values
	}
	u.RawQuery = query.Encode()
	request := &http.Request{Method: w.method, URL: u, Host: u.Host, Header: w.header.Clone(), ContentLength: w.length}
	if request.Header == nil {
		request.Header = http.Header{}
	}
	address, _, err = p.signer.PresignHTTP(ctx, credentials, request, unsignedPayload, "s3", p.client.Options().Region, now)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("presign: %w", err)
	}
	expires = now.Add(expiry)
	if credentials.CanExpire && credentials.Expires.Before(expires) {
		expires = credentials.Expires
	}
	return address, expires, nil
}

// address is where the bucket, or an object in it, is to be found.
func (p presigner) address(ctx context.Context, key string) (*url.URL, error) {
	o := p.client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket:         &p.bucket,
		Region:         &o.Region,
		Endpoint:       o.BaseEndpoint,
		ForcePathStyle: &o.UsePathStyle,
	})
	if err != nil {
		return nil, fmt.Errorf("endpoint of the bucket: %w", err)
	}
	u := endpoint.URI
	u.RawPath = httpbinding.EscapePath(u.Path, false) + "/" + httpbinding.EscapePath(key, false)
	u.Path += "/" + key
	return &u, nil
}
