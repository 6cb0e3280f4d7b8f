package s3store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go"

	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// The methods of this file are those of a files.Store. The role that calls them
// needs s3:ListBucket on the bucket and s3:GetObject and s3:DeleteObject on the
// prefix. No interface of the upload function names them, so that the linker
// leaves them out of it.

// callTime bounds one question of the files function, whose answers may take
// minutes as a whole: a store that says nothing for so long is down.
const callTime = 15 * time.Second

// List returns objects in the order of their keys (ListObjectsV2).
func (s *Store) List(ctx context.Context, prefix, after string, limit int) (s3object.Page, error) {
	return s.list(ctx, &s3.ListObjectsV2Input{Prefix: &prefix}, after, limit)
}

// endOfFolder comes after every key that begins with a folder: no file has the
// last code point of Unicode in its name, which is no character.
const endOfFolder = "\U0010FFFF"

// Folder lists what is directly in a folder (ListObjectsV2 with a delimiter).
func (s *Store) Folder(ctx context.Context, prefix, after string, limit int) (s3object.Page, error) {
	if strings.HasSuffix(after, "/") && after != prefix { // which itself can be an object
		after += endOfFolder
	}
	return s.list(ctx, &s3.ListObjectsV2Input{Prefix: &prefix, Delimiter: aws.String("/")}, after, limit)
}

func (s *Store) list(ctx context.Context, in *s3.ListObjectsV2Input, after string, limit int) (s3object.Page, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	in.Bucket = &s.bucket
	in.MaxKeys = aws.Int32(int32(min(max(limit, 1), 1000)))
	if after != "" {
		in.StartAfter = &after
	}
	out, err := s.client.ListObjectsV2(ctx, in)
	if _, unreadable := errors.AsType[*smithy.DeserializationError](err); unreadable {
		// XML has no room for some characters that a key may have, though none of a
		// file's. Some stores lose keys between pages that are encoded (LocalStack
		// 4.9), so that this is not asked for at once.
		in.EncodingType = types.EncodingTypeUrl
		out, err = s.client.ListObjectsV2(ctx, in)
	}
	if err != nil {
		return s3object.Page{}, fmt.Errorf("list objects: %w", classify(err))
	}
	page := s3object.Page{
		Objects: make([]s3object.Info, len(out.Contents)),
		Folders: make([]string, len(out.CommonPrefixes)),
		More:    aws.ToBool(out.IsTruncated) && len(out.Contents)+len(out.CommonPrefixes) > 0,
	}
	for i, o := range out.Contents {
		key, err := decoded(o.Key, out.EncodingType)
		if err != nil {
			return s3object.Page{}, err
		}
		page.Objects[i] = info(key, aws.ToInt64(o.Size), o.LastModified, o.ETag)
	}
	for i, p := range out.CommonPrefixes {
		if page.Folders[i], err = decoded(p.Prefix, out.EncodingType); err != nil {
			return s3object.Page{}, err
		}
	}
	return page, nil
}

// decoded is a key of a listing.
func decoded(key *string, encoding types.EncodingType) (string, error) {
	if encoding != types.EncodingTypeUrl {
		return aws.ToString(key), nil
	}
	plain, err := url.QueryUnescape(aws.ToString(key))
	if err != nil {
		return "", fmt.Errorf("list objects: the key %q: %w", aws.ToString(key), err)
	}
	return plain, nil
}

func info(key string, size int64, modified *time.Time, etag *string) s3object.Info {
	return s3object.Info{Key: key, Size: size, Modified: aws.ToTime(modified).UTC(), ETag: aws.ToString(etag)}
}

// Head asks for an object (HeadObject).
func (s *Store) Head(ctx context.Context, key string) (s3object.Head, error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	a, err := s.header.ask(ctx, key)
	if err != nil {
		return s3object.Head{}, fmt.Errorf("head object: %w", s.classifyRead(ctx, key, err))
	}
	return headOf(a.info(key), a.told()), nil
}

// Open reads an object from an offset on (GetObject). From its start, the bytes
// are held against whatever checksum S3 has of them.
func (s *Store) Open(ctx context.Context, o s3object.Info, from int64) (s3object.Head, io.ReadCloser, error) {
	in := &s3.GetObjectInput{Bucket: &s.bucket, Key: &o.Key, IfMatch: &o.ETag}
	if from > 0 {
		in.Range = aws.String(fmt.Sprintf("bytes=%d-", from))
	} else {
		in.ChecksumMode = types.ChecksumModeEnabled
	}
	reading, cancel := context.WithCancel(ctx)
	late := time.AfterFunc(callTime, cancel) // unless the answer has begun
	out, err := s.client.GetObject(reading, in)
	late.Stop()
	if err != nil {
		cancel()
		return s3object.Head{}, nil, fmt.Errorf("get object: %w", s.classifyRead(ctx, o.Key, err))
	}
	return headOf(o, told{
		contentType:    aws.ToString(out.ContentType),
		sha256:         aws.ToString(out.ChecksumSHA256),
		crc32:          aws.ToString(out.ChecksumCRC32),
		sha256Declared: out.Metadata[metaSHA256],
		crc32Declared:  out.Metadata[metaCRC32],
	}), &body{out.Body, cancel}, nil
}

// body is that of an answer, whose request ends with it.
type body struct {
	io.ReadCloser
	end context.CancelFunc
}

func (b *body) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}

// Delete removes an object (DeleteObject). In a bucket that keeps versions it is
// hidden and not gone.
func (s *Store) Delete(ctx context.Context, key string) error {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	_, err := s.client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &s.bucket, Key: &key})
	if err != nil {
		return fmt.Errorf("delete object: %w", classify(err))
	}
	return nil
}

// classifyRead is classify for reading one object. Another object may have the
// key now (412). A key that is missing is 404, or 403 where the role may list its
// prefix only, which S3 does not take for being allowed to know
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html). There the
// listing says what it is. A bucket that is missing is no file that is: a HEAD
// cannot tell the two apart, and the listing before it has.
func (s *Store) classifyRead(ctx context.Context, key string, err error) error {
	switch status := statusOf(err); {
	case codeOf(err) == "NoSuchBucket":
	case status == http.StatusNotFound, status == http.StatusPreconditionFailed,
		status == http.StatusForbidden && s.isMissing(ctx, key):
		return fmt.Errorf("%w: %w", upload.ErrNotFound, err)
	}
	return classify(err)
}

// isMissing holds where the listing works and does not have the key.
func (s *Store) isMissing(ctx context.Context, key string) bool {
	page, err := s.List(ctx, key, "", 1) // the key itself is the first that begins with it
	return err == nil && (len(page.Objects) == 0 || page.Objects[0].Key != key)
}
