package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"uploadfiles/internal/proof/bench/load"
)

// errWrong says that a contender did not do the job: no figure of it counts.
var errWrong = errors.New("wrong")

// wrong is an error that is errWrong.
func wrong(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errWrong, fmt.Sprintf(format, args...))
}

// upload is what a contender was asked for.
type upload struct {
	size         load.Size
	conversation string
	linked       bool // the answer has a presigned URL for each file
}

func (u upload) key(i int) string { return load.Key(u.conversation, u.size.FileName(i)) }

// check returns the URLs of an answer that is right.
func (u upload) check(answer []byte) ([]string, error) {
	body, err := bodyOf(answer, http.StatusOK)
	if err != nil {
		return nil, err
	}
	var result load.Answer
	if err := json.Unmarshal([]byte(body), &result); err != nil {
		return nil, wrong("the answer %s is no JSON: %v", body, err)
	}
	if len(result.FileURLs) != u.size.Files || len(result.SkippedFiles) > 0 {
		return nil, wrong("%d of %d files are stored: %s", len(result.FileURLs), u.size.Files, body)
	}
	for i, text := range result.FileURLs {
		link, err := url.Parse(text)
		if err != nil || link.Path != "/"+bucket+"/"+u.key(i) {
			return nil, wrong("the URL of file %d is %q", i, text)
		}
		if u.linked && link.Query().Get("X-Amz-Signature") == "" {
			return nil, wrong("the URL %q is not presigned", text)
		}
	}
	return result.FileURLs, nil
}

// bodyOf returns the body of an answer that has this status.
func bodyOf(answer []byte, status int) (string, error) {
	var event struct {
		StatusCode      int    `json:"statusCode"`
		Body            string `json:"body"`
		IsBase64Encoded bool   `json:"isBase64Encoded"`
	}
	if err := json.Unmarshal(answer, &event); err != nil {
		return "", wrong("the answer %s is no JSON: %v", answer, err)
	}
	if event.StatusCode != status || event.IsBase64Encoded {
		return "", wrong("the answer is %s, its status should be %d", answer, status)
	}
	return event.Body, nil
}

// checkNull compares what the null store was given with what was sent.
func (u upload) checkNull(e *environment) error {
	for i := range u.size.Files {
		got, ok := e.null.SHA256("/" + bucket + "/" + u.key(i))
		if !ok || got != sha256.Sum256(u.size.Content(i)) {
			return wrong("file %d of %s did not arrive as it was sent", i, u.size.Name)
		}
	}
	return nil
}

// checkReal fetches the files from the real store, by their URLs where there
// are some, and deletes them.
func (u upload) checkReal(ctx context.Context, e *environment, urls []string) error {
	for i, link := range urls {
		got, err := e.fetch(ctx, link)
		if err != nil {
			return err
		}
		if !bytes.Equal(got, u.size.Content(i)) {
			return wrong("file %d of %s is not stored as it was sent", i, u.size.Name)
		}
		_, err = e.store.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: aws.String(bucket), Key: aws.String(u.key(i))})
		if err != nil {
			return err
		}
	}
	return nil
}

func (e *environment) fetch(ctx context.Context, link string) ([]byte, error) {
	if key, ok := strings.CutPrefix(link, "/"+bucket+"/"); ok {
		out, err := e.store.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
		if err != nil {
			return nil, err
		}
		defer out.Body.Close() // it was only read
		return io.ReadAll(out.Body)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() // it was only read
	if response.StatusCode != http.StatusOK {
		return nil, wrong("the URL %s answers %s", link, response.Status)
	}
	return io.ReadAll(response.Body)
}
