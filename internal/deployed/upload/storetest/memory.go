package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"strings"
	"sync"
	"time"

	"uploadfiles/internal/deployed/upload"
)

// Memory is a store in memory. The zero value is empty and ready. A fault can
// be put between it and its user.
type Memory struct {
	// Fault is asked before every call, if it is set. An error is the answer of
	// the call; a create is done all the same if done is true, as it is when an
	// answer is lost.
	Fault func(ctx context.Context, call, key string) (done bool, err error)

	// Disk makes it one that keeps objects on a disk, where "a" and "a/b" cannot
	// both be.
	Disk bool

	// Tags are the tags of all keys.
	Tags map[string]map[string]string

	mu      sync.Mutex
	objects map[string][]byte
}

var _ upload.Store = (*Memory)(nil)

// Create keeps a copy of the object.
func (m *Memory) Create(ctx context.Context, o upload.Object) error {
	done, fault := m.fault(ctx, "create", o.Key)
	if fault != nil && !done {
		return fault
	}
	if sha256.Sum256(o.Data) != o.SHA256 {
		return errors.New("the hash is not that of the bytes")
	}
	if crc32.ChecksumIEEE(o.Data) != o.CRC32 {
		return errors.New("the CRC-32 is not that of the bytes")
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, taken := m.objects[o.Key]; taken {
		return fmt.Errorf("memory: %w", upload.ErrExists)
	}
	if err := m.onDisk(o.Key); err != nil {
		return err
	}
	if m.objects == nil {
		m.objects = make(map[string][]byte)
	}
	m.objects[o.Key] = bytes.Clone(o.Data)
	return fault
}

// onDisk says why a disk could not keep a key.
func (m *Memory) onDisk(key string) error {
	for other := range m.objects {
		switch {
		case m.Disk && strings.HasPrefix(other, key+"/"):
			return fmt.Errorf("memory: %w", upload.ErrIsFolder)
		case m.Disk && strings.HasPrefix(key, other+"/"):
			return fmt.Errorf("memory: %w", upload.ErrBelowFile)
		}
	}
	return nil
}

// Stat hashes what is kept.
func (m *Memory) Stat(ctx context.Context, key string) (upload.Stored, error) {
	if _, fault := m.fault(ctx, "stat", key); fault != nil {
		return upload.Stored{}, fault
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[key]
	if !ok {
		return upload.Stored{}, fmt.Errorf("memory: %w", upload.ErrNotFound)
	}
	return upload.Stored{Size: int64(len(data)), SHA256: sha256.Sum256(data), Hashed: true}, nil
}

// Tag looks into Tags.
func (m *Memory) Tag(ctx context.Context, key, tag string) (string, error) {
	if _, fault := m.fault(ctx, "tag", key); fault != nil {
		return "", fault
	}
	return m.Tags[key][tag], nil
}

// Link is not a URL that anybody serves.
func (m *Memory) Link(ctx context.Context, key, _ string) (upload.Link, error) {
	if _, fault := m.fault(ctx, "link", key); fault != nil {
		return upload.Link{}, fault
	}
	return upload.Link{URL: "memory:" + key, Expires: time.Now().Add(time.Hour)}, nil
}

// Objects are the bytes of all keys.
func (m *Memory) Objects() map[string][]byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	return maps.Clone(m.objects)
}

// Delete removes a key.
func (m *Memory) Delete(key string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
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
