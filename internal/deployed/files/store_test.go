package files_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/deployed/files/filestest"
	"uploadfiles/internal/deployed/s3store"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/localtest"
)

func TestMemoryKeepsThePromises(t *testing.T) {
	m := &filestest.Memory{}
	put := func(_ context.Context, o filestest.Object) error {
		m.Put(o)
		return nil
	}
	filestest.Bench{Store: m, Put: put}.Run(t, "prefix/")
}

func TestS3KeepsThePromises(t *testing.T) {
	stack := localtest.Start(t, local.Options{})
	onS3(stack).Run(t, "prefix/")
}

// onS3 is the store on the stack's S3 server.
func onS3(stack *local.Stack) filestest.Bench {
	client := s3.NewFromConfig(stack.AWS, func(o *s3.Options) {
		o.BaseEndpoint = &stack.S3Endpoint
		o.UsePathStyle = true
		o.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	})
	return filestest.Bench{
		Store: s3store.New(stack.AWS, s3store.Options{Bucket: stack.Bucket, Endpoint: stack.S3Endpoint, URLExpiry: time.Hour}),
		Put: func(ctx context.Context, o filestest.Object) error {
			in := &s3.PutObjectInput{Bucket: &stack.Bucket, Key: &o.Key, Body: bytes.NewReader(o.Data)}
			if o.ContentType != "" {
				in.ContentType = &o.ContentType
			}
			sum := sha256.Sum256(o.Data)
			if o.Verified {
				in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
			}
			in.Metadata = map[string]string{}
			if o.Declared {
				in.Metadata["sha256"] = hex.EncodeToString(sum[:])
			}
			if o.CRC32.Known {
				in.Metadata["crc32"] = fmt.Sprintf("%08x", o.CRC32.Sum)
			}
			_, err := client.PutObject(ctx, in)
			return err
		},
	}
}

// fill puts small objects, and two of a size.
func fill(t *testing.T, b filestest.Bench, small, size int) {
	t.Helper()
	group, ctx := errgroup.WithContext(t.Context())
	group.SetLimit(16)
	for i := range small {
		group.Go(func() error {
			return b.Put(ctx, filestest.Object{
				Key: fmt.Sprintf("%ssmall %05d.txt", dir, i), Data: fmt.Appendf(nil, "file %d\n", i), ContentType: "text/plain", Verified: true,
			})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	data := random(t, size)
	for _, name := range []string{"large 1.bin", "large 2.bin"} {
		err := b.Put(t.Context(), filestest.Object{Key: dir + name, Data: data, ContentType: "application/octet-stream", Verified: true})
		if err != nil {
			t.Fatal(err)
		}
	}
}
