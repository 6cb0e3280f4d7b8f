// Command plain is the upload as most tutorials for Go on Lambda write it: the
// event is decoded into aws-lambda-go's type, aws-lambda-go-api-proxy makes a
// request of it, ParseMultipartForm reads the form, and the files are put one
// after the other.
package main

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"log"
	"mime/multipart"
	"net/http"
	"os"
	"sync"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/awslabs/aws-lambda-go-api-proxy/httpadapter"

	"uploadfiles/internal/proof/bench/load"
)

func main() {
	cfg, err := config.LoadDefaultConfig(context.Background())
	if err != nil {
		log.Fatal(err)
	}
	client := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true })
	u := &uploader{
		s3:      client,
		presign: s3.NewPresignClient(client),
		secrets: secretsmanager.NewFromConfig(cfg),
		bucket:  os.Getenv("UPLOAD_BUCKET"),
		secret:  os.Getenv("SESSION_KEY_SECRET"),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/conversations/{conversation}/upload-files", u.upload)
	lambda.Start(httpadapter.New(mux).ProxyWithContext)
}

// memory is how much of a form is kept in memory, as in net/http's own default.
const memory = 32 << 20

type uploader struct {
	s3             *s3.Client
	presign        *s3.PresignClient
	secrets        *secretsmanager.Client
	bucket, secret string

	mu  sync.Mutex
	key string // once it is known
}

func (u *uploader) upload(w http.ResponseWriter, r *http.Request) {
	key, err := u.sessionKey(r.Context())
	if err != nil {
		fail(w, err)
		return
	}
	if subtle.ConstantTimeCompare([]byte(key), []byte(r.Header.Get("X-Session-API-Key"))) != 1 {
		http.Error(w, `{"detail":"Unauthorized"}`, http.StatusUnauthorized)
		return
	}
	if err := r.ParseMultipartForm(memory); err != nil {
		http.Error(w, `{"detail":"There was an error parsing the body"}`, http.StatusBadRequest)
		return
	}
	answer := load.Answer{FileURLs: []string{}, SkippedFiles: []string{}}
	for _, file := range r.MultipartForm.File["files"] {
		url, err := u.put(r.Context(), load.Key(r.PathValue("conversation"), file.Filename), file)
		if err != nil {
			fail(w, err)
			return
		}
		answer.FileURLs = append(answer.FileURLs, url)
	}
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		log.Print(err)
	}
}

func fail(w http.ResponseWriter, err error) {
	log.Print(err)
	http.Error(w, `{"detail":"Internal Server Error"}`, http.StatusInternalServerError)
}

func (u *uploader) sessionKey(ctx context.Context) (string, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.key == "" {
		out, err := u.secrets.GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &u.secret})
		if err != nil {
			return "", err
		}
		u.key = aws.ToString(out.SecretString)
	}
	return u.key, nil
}

// put stores a file and returns the URL to download it.
func (u *uploader) put(ctx context.Context, key string, header *multipart.FileHeader) (string, error) {
	file, err := header.Open()
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }() // it was only read
	_, err = u.s3.PutObject(ctx, &s3.PutObjectInput{
		Bucket:      &u.bucket,
		Key:         &key,
		Body:        file,
		ContentType: aws.String(header.Header.Get("Content-Type")),
		IfNoneMatch: aws.String("*"),
	})
	if err != nil {
		return "", err
	}
	link, err := u.presign.PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &u.bucket, Key: &key})
	if err != nil {
		return "", err
	}
	return link.URL, nil
}
