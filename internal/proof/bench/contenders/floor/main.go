// Command floor is what an upload cannot do without: PutObject of the bytes,
// over a connection that is kept. Its events name what to put and do not carry
// it; there is no form, no session key and no URL.
package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/middleware"
	"golang.org/x/sync/errgroup"

	"uploadfiles/internal/proof/bench/load"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	f := &floor{
		client:   s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }),
		bucket:   os.Getenv("UPLOAD_BUCKET"),
		contents: map[string][][]byte{},
	}
	lambda.Start(f.upload)
}

type floor struct {
	client   *s3.Client
	bucket   string
	contents map[string][][]byte // by the name of the size
}

func (f *floor) upload(ctx context.Context, o load.Order) (events.APIGatewayProxyResponse, error) {
	size, err := load.ByName(o.Size)
	if err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	answer := load.Answer{FileURLs: []string{}, SkippedFiles: []string{}}
	var puts errgroup.Group
	if !o.Parallel {
		puts.SetLimit(1)
	}
	for i, content := range f.files(size) {
		key := load.Key(o.Conversation, size.FileName(i))
		answer.FileURLs = append(answer.FileURLs, "/"+f.bucket+"/"+key)
		puts.Go(func() error { return f.put(ctx, key, content, o.SHA256) })
	}
	if err := puts.Wait(); err != nil {
		return events.APIGatewayProxyResponse{}, err
	}
	body, err := json.Marshal(answer)
	return events.APIGatewayProxyResponse{StatusCode: http.StatusOK, Body: string(body)}, err
}

// files makes the files of a size once.
func (f *floor) files(s load.Size) [][]byte {
	if f.contents[s.Name] == nil {
		for i := range s.Files {
			f.contents[s.Name] = append(f.contents[s.Name], s.Content(i))
		}
	}
	return f.contents[s.Name]
}

// put stores a file with the SDK's default checksum, which is CRC32, or with its
// SHA-256. That is computed once, and then is the signature's hash as well.
func (f *floor) put(ctx context.Context, key string, content []byte, hashed bool) error {
	in := &s3.PutObjectInput{
		Bucket:      &f.bucket,
		Key:         &key,
		Body:        bytes.NewReader(content),
		ContentType: aws.String("application/octet-stream"),
		IfNoneMatch: aws.String("*"),
	}
	var options []func(*s3.Options)
	if hashed {
		sum := sha256.Sum256(content)
		in.ChecksumSHA256 = aws.String(base64.StdEncoding.EncodeToString(sum[:]))
		options = append(options, s3.WithAPIOptions(payloadHash(hex.EncodeToString(sum[:]))))
	}
	_, err := f.client.PutObject(ctx, in, options...)
	return err
}

// payloadHash tells the signer the hash of the body.
func payloadHash(sum string) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("PayloadHash",
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (
				middleware.InitializeOutput, middleware.Metadata, error,
			) {
				return next.HandleInitialize(v4.SetPayloadHash(ctx, sum), in)
			}), middleware.Before)
	}
}
