package s3store

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"uploadfiles/internal/deployed/direct"
)

var _ direct.Store = (*Store)(nil)

// What an object tells of itself besides its content: the hash that its sender
// declared, where S3 has none, the CRC-32 that an archive wants to know before the
// bytes, and which upload it came from.
const (
	metaSHA256 = "sha256"
	metaCRC32  = "crc32"
	metaToken  = "upload"
	metaHeader = "X-Amz-Meta-"
)

// MaxUploadExpiry is the longest life of a URL that writes. It counts at the
// beginning of a request: a slow one is not cut off.
const MaxUploadExpiry = time.Hour

// Describe asks for what is known of an object (HeadObject, which s3:GetObject
// allows).
func (s *Store) Describe(ctx context.Context, key string) (direct.Stored, error) {
	a, err := s.head(ctx, key)
	if err != nil {
		return direct.Stored{}, err
	}
	h := headOf(a.info(key), a.told())
	return direct.Stored{Size: h.Size, ContentType: h.ContentType, SHA256: h.SHA256, Verified: h.Verified, Token: a.header.Get(metaHeader + metaToken)}, nil
}

// Begin is CreateMultipartUpload.
func (s *Store) Begin(ctx context.Context, o direct.Object) (string, error) {
	out, err := s.client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{
		Bucket:             &s.bucket,
		Key:                &o.Key,
		ContentType:        &o.ContentType,
		ContentDisposition: &o.Disposition,
		Metadata:           metadata(o),
	})
	if err != nil {
		return "", fmt.Errorf("create multipart upload: %w", classify(err))
	}
	return aws.ToString(out.UploadId), nil
}

func metadata(o direct.Object) map[string]string {
	m := map[string]string{}
	if o.Token != "" {
		m[metaToken] = o.Token
	}
	if o.SHA256 != [32]byte{} {
		m[metaSHA256] = hex.EncodeToString(o.SHA256[:])
	}
	if o.CRC32.Known {
		m[metaCRC32] = hexCRC32(o.CRC32.Sum)
	}
	return m
}

// Parts is ListParts, all pages of it.
func (s *Store) Parts(ctx context.Context, id direct.ID) ([]direct.Part, error) {
	var parts []direct.Part
	input := &s3.ListPartsInput{Bucket: &s.bucket, Key: &id.Key, UploadId: &id.Upload}
	for {
		out, err := s.client.ListParts(ctx, input)
		if err != nil {
			return nil, fmt.Errorf("list parts: %w", classifyUpload(err))
		}
		for _, p := range out.Parts {
			parts = append(parts, direct.Part{
				Number: int(aws.ToInt32(p.PartNumber)),
				Size:   aws.ToInt64(p.Size),
				ETag:   strings.Trim(aws.ToString(p.ETag), `"`),
			})
		}
		if !aws.ToBool(out.IsTruncated) {
			return parts, nil
		}
		input.PartNumberMarker = out.NextPartNumberMarker
	}
}

// Complete is CompleteMultipartUpload with If-None-Match: * and the size that
// the object must have.
func (s *Store) Complete(ctx context.Context, id direct.ID, parts []direct.Part, size int64) error {
	completed := make([]types.CompletedPart, len(parts))
	for i, p := range parts {
		completed[i] = types.CompletedPart{
			PartNumber: aws.Int32(int32(p.Number)), //nolint:gosec // at most direct.MaxParts
			ETag:       aws.String(`"` + p.ETag + `"`),
		}
	}
	_, err := s.client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket:          &s.bucket,
		Key:             &id.Key,
		UploadId:        &id.Upload,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: completed},
		MpuObjectSize:   &size,
		IfNoneMatch:     aws.String("*"),
	})
	if err != nil {
		return fmt.Errorf("complete multipart upload: %w", classifyUpload(err))
	}
	return nil
}

// Abort is AbortMultipartUpload. That of an upload which is not there is done.
func (s *Store) Abort(ctx context.Context, id direct.ID) error {
	_, err := s.client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{
		Bucket: &s.bucket, Key: &id.Key, UploadId: &id.Upload,
	})
	if err = classifyUpload(err); err != nil && !errors.Is(err, direct.ErrNoUpload) {
		return fmt.Errorf("abort multipart upload: %w", err)
	}
	return nil
}

// classifyUpload is classify for the operations on uploads in parts
// (https://docs.aws.amazon.com/AmazonS3/latest/API/API_CompleteMultipartUpload.html).
func classifyUpload(err error) error {
	if err == nil {
		return nil
	}
	switch codeOf(err) {
	case "NoSuchUpload":
		return fmt.Errorf("%w: %w", direct.ErrNoUpload, err)
	case "InvalidPart", "InvalidPartOrder", "EntityTooSmall", "InvalidRequest":
		return fmt.Errorf("%w: %w", direct.ErrParts, err)
	}
	return classify(err)
}

// Sign presigns a request for a client. The URL lives as long as those that
// download, and at most [MaxUploadExpiry].
func (s *Store) Sign(ctx context.Context, o direct.Operation) (direct.Signed, error) {
	w := wish{key: o.ID.Key, query: url.Values{}, header: http.Header{}}
	if o.ID.Upload != "" {
		w.query.Set("uploadId", o.ID.Upload)
	}
	switch o.Step {
	case direct.Put:
		w.method = http.MethodPut
		s.signObject(&w, o.Object)
		w.header.Set("If-None-Match", "*")
		if o.Object.SHA256 != [32]byte{} {
			w.header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(o.Object.SHA256[:]))
		}
		if o.Object.CRC32.Known {
			w.header.Set(metaHeader+metaCRC32, hexCRC32(o.Object.CRC32.Sum))
		}
		w.length = max(o.Object.Size, 0)
	case direct.Begin:
		w.method = http.MethodPost
		w.query.Set("uploads", "")
		s.signObject(&w, o.Object)
		for name, value := range metadata(o.Object) {
			w.header.Set(metaHeader+name, value)
		}
	case direct.PutPart:
		w.method = http.MethodPut
		w.query.Set("partNumber", strconv.Itoa(o.Part.Number))
		w.length = max(o.Part.Size, 0)
	case direct.List:
		w.method = http.MethodGet
	case direct.Complete:
		w.method = http.MethodPost
		w.header.Set("If-None-Match", "*")
		w.header.Set("X-Amz-Mp-Object-Size", strconv.FormatInt(o.Size, 10))
	case direct.Abort:
		w.method = http.MethodDelete
	}
	expiry := min(s.expiry, MaxUploadExpiry)
	address, _, err := s.presigner.sign(ctx, w, expiry)
	if err != nil {
		return direct.Signed{}, err
	}
	signed := direct.Signed{URL: address, Headers: map[string]string{}, Expires: expiry}
	for name := range w.header {
		signed.Headers[name] = w.header.Get(name)
	}
	return signed, nil
}

func (s *Store) signObject(w *wish, o direct.Object) {
	w.key = o.Key
	w.header.Set("Content-Type", o.ContentType)
	w.header.Set("Content-Disposition", o.Disposition)
}
