package s3store

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/encoding/httpbinding"

	"uploadfiles/internal/deployed/upload"
)

// A presigner signs requests for others to send. One signer for all of them
// makes a smaller binary than the SDK's code for presigning each operation, and
// signs what that has no method for.
type presigner struct {
	signer      *v4.Signer
	credentials aws.CredentialsProvider
	region      string
	bucket      func() (url.URL, error) // its address
}

func newPresigner(client *s3.Client, credentials aws.CredentialsProvider, bucket string) presigner {
	signer := v4.NewSigner(func(o *v4.SignerOptions) {
		o.DisableURIPathEscaping = true // S3 takes paths as they are
		o.DisableHeaderHoisting = true  // what is signed as a header must come as one
	})
	return presigner{signer, credentials, client.Options().Region, sync.OnceValues(func() (url.URL, error) {
		return bucketAddress(client, bucket)
	})}
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
	credentials, err := p.retrieve(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	u, err := p.address(w.key)
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
	address, _, err = p.signer.PresignHTTP(ctx, credentials, request, unsignedPayload, "s3", p.region, now)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("presign: %w", err)
	}
	expires = now.Add(expiry)
	if credentials.CanExpire && credentials.Expires.Before(expires) {
		expires = credentials.Expires
	}
	return address, expires, nil
}

// signHeader signs a request that is sent at once, in a header of it.
func (p presigner) signHeader(ctx context.Context, request *http.Request, payload string) error {
	credentials, err := p.retrieve(ctx)
	if err != nil {
		return err
	}
	if err := p.signer.SignHTTP(ctx, credentials, request, payload, "s3", p.region, time.Now()); err != nil {
		return fmt.Errorf("sign: %w", err)
	}
	return nil
}

func (p presigner) retrieve(ctx context.Context) (aws.Credentials, error) {
	credentials, err := p.credentials.Retrieve(ctx)
	if err != nil {
		return aws.Credentials{}, fmt.Errorf("credentials: %w: %w", upload.ErrUnavailable, err)
	}
	return credentials, nil
}

// address is where an object is to be found.
func (p presigner) address(key string) (*url.URL, error) {
	u, err := p.bucket()
	if err != nil {
		return nil, err
	}
	u.RawPath = httpbinding.EscapePath(u.Path, false) + "/" + httpbinding.EscapePath(key, false)
	u.Path += "/" + key
	return &u, nil
}

// bucketAddress is where a client finds the bucket, which may be a host or a
// path. It asks nobody.
func bucketAddress(client *s3.Client, bucket string) (url.URL, error) {
	o := client.Options()
	endpoint, err := o.EndpointResolverV2.ResolveEndpoint(context.Background(), s3.EndpointParameters{
		Bucket:         &bucket,
		Region:         &o.Region,
		Endpoint:       o.BaseEndpoint,
		ForcePathStyle: &o.UsePathStyle,
	})
	if err != nil {
		return url.URL{}, fmt.Errorf("endpoint of the bucket: %w", err)
	}
	return endpoint.URI, nil
}
