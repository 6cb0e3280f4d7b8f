package directtest

import (
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"

	"uploadfiles/internal/deployed/direct"
	"uploadfiles/internal/deployed/upload"
	"uploadfiles/internal/deployed/upload/storetest"
)

// Memory is a store in memory for both lanes. The zero value is empty and ready.
// The faults of storetest.Memory work here too; the calls are "describe",
// "begin", "parts", "complete", "abort" and "sign".
type Memory struct {
	storetest.Memory

	mu      sync.Mutex
	count   int
	uploads map[string]*pending
	headers map[string]direct.Object // of the objects that came this way
	signed  map[string]direct.Operation

	verified map[string]bool // hashes of objects that came this way in one go
}

type pending struct {
	object direct.Object
	parts  map[int][]byte
}

var _ direct.Store = (*Memory)(nil)

// Describe knows the types only of objects that came straight to the store.
func (m *Memory) Describe(ctx context.Context, key string) (direct.Stored, error) {
	if _, err := m.fault(ctx, "describe", key); err != nil {
		return direct.Stored{}, err
	}
	data, ok := m.Objects()[key]
	if !ok {
		return direct.Stored{}, fmt.Errorf("memory: %w", upload.ErrNotFound)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	o, cameStraight := m.headers[key]
	stored := direct.Stored{Size: int64(len(data)), ContentType: o.ContentType, SHA256: o.SHA256, Verified: m.verified[key], Token: o.Token}
	if !cameStraight {
		stored.SHA256, stored.Verified = sha256.Sum256(data), true
	}
	return stored, nil
}

// Begin counts its uploads.
func (m *Memory) Begin(ctx context.Context, o direct.Object) (string, error) {
	done, err := m.fault(ctx, "begin", o.Key)
	if err != nil && !done {
		return "", err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count++
	if m.uploads == nil {
		m.uploads = make(map[string]*pending)
	}
	id := "upload-" + strconv.Itoa(m.count)
	m.uploads[id] = &pending{o, make(map[int][]byte)}
	return id, err
}

// find is for one who holds the lock.
func (m *Memory) find(id direct.ID) (*pending, error) {
	p := m.uploads[id.Upload]
	if p == nil || p.object.Key != id.Key {
		return nil, fmt.Errorf("memory: %w", direct.ErrNoUpload)
	}
	return p, nil
}

// Parts lists what was sent.
func (m *Memory) Parts(ctx context.Context, id direct.ID) ([]direct.Part, error) {
	if _, err := m.fault(ctx, "parts", id.Key); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.find(id)
	if err != nil {
		return nil, err
	}
	var parts []direct.Part
	for _, n := range slices.Sorted(maps.Keys(p.parts)) {
		parts = append(parts, direct.Part{Number: n, Size: int64(len(p.parts[n])), ETag: etag(p.parts[n])})
	}
	return parts, nil
}

func etag(data []byte) string {
	sum := md5.Sum(data)
	return hex.EncodeToString(sum[:])
}

// Complete joins the parts.
func (m *Memory) Complete(ctx context.Context, id direct.ID, parts []direct.Part, size int64) error {
	done, fault := m.fault(ctx, "complete", id.Key)
	if fault != nil && !done {
		return fault
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	p, err := m.find(id)
	if err != nil {
		return err
	}
	var data []byte
	for i, part := range parts {
		stored, ok := p.parts[part.Number]
		if !ok || etag(stored) != part.ETag || i < len(parts)-1 && len(stored) < direct.MinPart {
			return fmt.Errorf("memory: %w", direct.ErrParts)
		}
		data = append(data, stored...)
	}
	if int64(len(data)) != size {
		return fmt.Errorf("memory: %w", direct.ErrParts)
	}
	if err := m.create(context.WithoutCancel(ctx), p.object, data); err != nil {
		return err
	}
	delete(m.uploads, id.Upload)
	return fault
}

// create is for one who holds the lock.
func (m *Memory) create(ctx context.Context, o direct.Object, data []byte) error {
	err := m.Create(ctx, upload.Object{Key: o.Key, Data: data, SHA256: sha256.Sum256(data), CRC32: crc32.ChecksumIEEE(data)})
	if err != nil {
		return err
	}
	if m.headers == nil {
		m.headers = make(map[string]direct.Object)
	}
	m.headers[o.Key] = o
	return nil
}

// Abort drops the parts.
func (m *Memory) Abort(ctx context.Context, id direct.ID) error {
	if _, err := m.fault(ctx, "abort", id.Key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, err := m.find(id); err == nil {
		delete(m.uploads, id.Upload)
	}
	return nil
}

// Uploads is how many uploads are neither completed nor aborted.
func (m *Memory) Uploads() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.uploads)
}

// Sign remembers the operation for Send.
func (m *Memory) Sign(ctx context.Context, o direct.Operation) (direct.Signed, error) {
	if _, err := m.fault(ctx, "sign", o.Object.Key+o.ID.Key); err != nil {
		return direct.Signed{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.signed == nil {
		m.signed = make(map[string]direct.Operation)
	}
	url := "memory:" + o.Object.Key + o.ID.Key + "?" + strconv.Itoa(len(m.signed))
	m.signed[url] = o
	headers := map[string]string{}
	if o.Object.CRC32.Known {
		headers["X-Amz-Meta-Crc32"] = fmt.Sprintf("%08x", o.Object.CRC32.Sum)
	}
	return direct.Signed{URL: url, Headers: headers, Expires: time.Hour}, nil
}

// Send does what a client of S3 does with a request that writes.
func (m *Memory) Send(t TB, signed direct.Signed, body []byte) (status int, etagOf string) {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.signed[signed.URL]
	if !ok {
		return http.StatusForbidden, ""
	}
	switch o.Step {
	case direct.Put:
		switch {
		case o.Object.Size > 0 && o.Object.Size != int64(len(body)):
			return http.StatusForbidden, ""
		case o.Object.SHA256 != [32]byte{} && o.Object.SHA256 != sha256.Sum256(body):
			return http.StatusBadRequest, ""
		case m.create(context.Background(), o.Object, body) != nil:
			return http.StatusPreconditionFailed, ""
		case o.Object.SHA256 != [32]byte{}:
			if m.verified == nil {
				m.verified = make(map[string]bool)
			}
			m.verified[o.Object.Key] = true
		}
	case direct.PutPart:
		p, err := m.find(o.ID)
		switch {
		case err != nil:
			return http.StatusNotFound, ""
		case o.Part.Size > 0 && o.Part.Size != int64(len(body)):
			return http.StatusForbidden, ""
		}
		p.parts[o.Part.Number] = body
	default:
		t.Fatalf("step %d is not for Send", o.Step)
	}
	return http.StatusOK, etag(body)
}

func (m *Memory) fault(ctx context.Context, call, key string) (done bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, fmt.Errorf("%w: %w", upload.ErrUnavailable, err)
	}
	if m.Fault == nil {
		return false, nil
	}
	return m.Fault(ctx, call, key)
}
