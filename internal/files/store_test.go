package files_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadfiles/internal/files/filestest"
	"uploadfiles/internal/local"
	"uploadfiles/internal/local/localtest"
	"uploadfiles/internal/s3store"
)

func TestMemoryKeepsThePromises(t *testing.T) {
	m := &filestest.Memory{}
	filestest.Bench{Store: m, Put: func(_ *testing.T, o filestest.Object) { m.Put(o) }}.Run(t, "prefix/")
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
		Put: func(t *testing.T, o filestest.Object) {
			t.Helper()
			in := &s3.PutObjectInput{Bucket: &stack.Bucket, Key: &o.Key, Body: bytes.NewReader(o.Data)}
			if o.ContentType != "" {
				in.ContentType = &o.ContentType
			}
			sum := sha256.Sum256(o.Data)
			if o.Verified {
				in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
			}
			if o.Declared {
				in.Metadata = map[string]string{"sha256": hex.EncodeToString(sum[:])}
			}
			if _, err := client.PutObject(t.Context(), in); err != nil {
				t.Fatal(err)
			}
		},
	}
}

// fill puts small objects, and two of a size.
func fill(t *testing.T, b filestest.Bench, small, size int) {
	t.Helper()
	work := make(chan int)
	var group sync.WaitGroup
	for range 16 {
		group.Go(func() {
			for i := range work {
				b.Put(t, filestest.Object{
					Key: fmt.Sprintf("%ssmall %05d.txt", dir, i), Data: fmt.Appendf(nil, "file %d\n", i), ContentType: "text/plain", Verified: true,
				})
			}
		})
	}
	for i := range small {
		work <- i
	}
	close(work)
	group.Wait()
	data := random(t, size)
	for _, name := range []string{"large 1.bin", "large 2.bin"} {
		b.Put(t, filestest.Object{Key: dir + name, Data: data, ContentType: "application/octet-stream", Verified: true})
	}
}
