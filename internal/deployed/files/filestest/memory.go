package filestest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"uploadfiles/internal/deployed/files"
	"uploadfiles/internal/deployed/s3object"
	"uploadfiles/internal/deployed/upload"
)

// Object is an object to be.
type Object struct {
	Key         string
	ContentType string
	Data        []byte
	// Content takes the place of Data for an object that is too large for one. It
	// has Size bytes from its start.
	Content func(from int64) io.Reader
	Size    int64
	// Verified says that the store verifies the hash and so knows it; Declared
	// that who puts the object there declares it.
	Verified, Declared bool
	CRC32              s3object.CRC32 // what who puts the object there declares
	Modified           time.Time      // zero means 2026-01-02 03:04:05 UTC
}

// Memory is a store in memory. The zero value is empty and ready. Faults can be
// put between it and its user.
type Memory struct {
	// Fault is asked before every call, if it is set. An error is the answer.
	Fault func(ctx context.Context, call, key string) error
	// Body may take the place of what Open returns, if it is set.
	Body func(key string, from int64, body io.Reader) io.Reader
	// Tags are the tags of all keys.
	Tags map[string]map[string]string

	mu      sync.Mutex
	objects map[string]stored
	puts    int
	open    int
	calls   map[string]int
}

type stored struct {
	Object
	head s3object.Head
}

var _ files.Store = (*Memory)(nil)

// Put puts an object under its key, whatever was there.
func (m *Memory) Put(o Object) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.objects == nil {
		m.objects = map[string]stored{}
	}
	m.puts++
	etag := fmt.Sprintf(`"%d"`, m.puts)
	if o.Content == nil {
		data := bytes.Clone(o.Data)
		etag = fmt.Sprintf(`"%x"`, sha256.Sum256(data)) // as with S3, the same bytes have the same
		o.Size = int64(len(data))
		o.Content = func(from int64) io.Reader { return bytes.NewReader(data[from:]) }
	}
	if o.Modified.IsZero() {
		o.Modified = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	}
	head := s3object.Head{
		Info:        s3object.Info{Key: o.Key, Size: o.Size, Modified: o.Modified, ETag: etag},
		ContentType: o.ContentType,
		Hashed:      o.Verified || o.Declared,
		Verified:    o.Verified,
		CRC32:       o.CRC32,
	}
	if head.Hashed && o.Data != nil {
		head.SHA256 = sha256.Sum256(o.Data)
	} else if head.Hashed {
		hash := sha256.New()
		_, _ = io.Copy(hash, o.Content(0))
		hash.Sum(head.SHA256[:0])
	}
	m.objects[o.Key] = stored{o, head}
}

// Calls is how often a method was called.
func (m *Memory) Calls(call string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[call]
}

// OpenBodies is how many bodies nobody has closed.
func (m *Memory) OpenBodies() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.open
}

// List sorts the keys.
func (m *Memory) List(ctx context.Context, prefix, after string, limit int) (s3object.Page, error) {
	if err := m.fault(ctx, "list", after); err != nil {
		return s3object.Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []s3object.Info
	for key, o := range m.objects {
		if strings.HasPrefix(key, prefix) && key > after {
			found = append(found, o.head.Info)
		}
	}
	slices.SortFunc(found, func(a, b s3object.Info) int { return strings.Compare(a.Key, b.Key) })
	more := len(found) > limit
	return s3object.Page{Objects: found[:min(limit, len(found))], More: more}, nil
}

// Folder sorts the keys, too.
func (m *Memory) Folder(ctx context.Context, prefix, after string, limit int) (s3object.Page, error) {
	if err := m.fault(ctx, "list", after); err != nil {
		return s3object.Page{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	found := map[string]s3object.Info{} // a folder has no ETag
	for key, o := range m.objects {
		rest, ok := strings.CutPrefix(key, prefix)
		inLast := after != prefix && strings.HasSuffix(after, "/") && strings.HasPrefix(key, after)
		if !ok || key <= after || inLast {
			continue
		}
		if folder, _, deeper := strings.Cut(rest, "/"); deeper {
			found[prefix+folder+"/"] = s3object.Info{}
			continue
		}
		found[key] = o.head.Info
	}
	var page s3object.Page
	for i, key := range slices.Sorted(maps.Keys(found)) {
		switch {
		case i == limit:
			page.More = true
			return page, nil
		case found[key].ETag == "":
			page.Folders = append(page.Folders, key)
		default:
			page.Objects = append(page.Objects, found[key])
		}
	}
	return page, nil
}

// Head looks the key up.
func (m *Memory) Head(ctx context.Context, key string) (s3object.Head, error) {
	if err := m.fault(ctx, "head", key); err != nil {
		return s3object.Head{}, err
	}
	o, err := m.get(key)
	return o.head, err
}

// Open reads the object.
func (m *Memory) Open(ctx context.Context, info s3object.Info, from int64) (s3object.Head, io.ReadCloser, error) {
	if err := m.fault(ctx, "open", info.Key); err != nil {
		return s3object.Head{}, nil, err
	}
	o, err := m.get(info.Key)
	if err == nil && o.head.ETag != info.ETag {
		err = fmt.Errorf("memory: another object has the key: %w", upload.ErrNotFound)
	}
	if err != nil {
		return s3object.Head{}, nil, err
	}
	body := o.Content(from)
	if m.Body != nil {
		body = m.Body(info.Key, from, body)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.open++
	return o.head, &reader{ctx: ctx, r: body, closed: func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open--
	}}, nil
}

// reader ends with its context, as one from a network does.
type reader struct {
	ctx    context.Context
	r      io.Reader
	once   sync.Once
	closed func()
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *reader) Close() error {
	r.once.Do(r.closed)
	return nil
}

// Delete forgets the key.
func (m *Memory) Delete(ctx context.Context, key string) error {
	if err := m.fault(ctx, "delete", key); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, key)
	return nil
}

// Tag looks into Tags.
func (m *Memory) Tag(ctx context.Context, key, tag string) (string, error) {
	if err := m.fault(ctx, "tag", key); err != nil {
		return "", err
	}
	return m.Tags[key][tag], nil
}

// Link is not a URL that anybody serves.
func (m *Memory) Link(ctx context.Context, key, _ string) (upload.Link, error) {
	if err := m.fault(ctx, "link", key); err != nil {
		return upload.Link{}, err
	}
	return upload.Link{URL: "memory:" + key, Expires: time.Now().Add(time.Hour).UTC().Truncate(time.Second)}, nil
}

func (m *Memory) get(key string) (stored, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o, ok := m.objects[key]
	if !ok {
		return stored{}, fmt.Errorf("memory: %w", upload.ErrNotFound)
	}
	return o, nil
}

func (m *Memory) fault(ctx context.Context, call, key string) error {
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]int{}
	}
	m.calls[call]++
	m.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%w: %w", upload.ErrUnavailable, err)
	}
	if m.Fault == nil {
		return nil
	}
	return m.Fault(ctx, call, key)
}
