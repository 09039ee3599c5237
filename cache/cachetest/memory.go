// Package cachetest helps to test code that uses or implements [cache.Blobs]. Only tests
// import it.
package cachetest

import (
	"bytes"
	"context"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// Memory is a [cache.Blobs] in memory. The zero value is empty and ready.
type Memory struct {
	mu    sync.Mutex
	blobs map[string]Blob
	gets  int
	puts  int
	looks int
	etags int // created so far
}

var _ cache.Blobs = (*Memory)(nil)

// Blob is a stored blob.
type Blob struct {
	Content  []byte
	Metadata cache.Metadata

	etag string
}

func (b Blob) clone() Blob {
	return Blob{bytes.Clone(b.Content), maps.Clone(b.Metadata), b.etag}
}

// Get implements [cache.Blobs].
func (m *Memory) Get(ctx context.Context, name string) (*cache.Blob, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.gets++
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, ok := m.blobs[name]
	if !ok {
		return nil, cache.ErrNotFound
	}
	return &cache.Blob{
		Body:     io.NopCloser(contextReader{ctx, bytes.NewReader(b.Content)}),
		Size:     int64(len(b.Content)),
		ETag:     b.etag,
		Metadata: maps.Clone(b.Metadata),
	}, nil
}

// Exists implements [cache.Blobs].
func (m *Memory) Exists(ctx context.Context, name string) (bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.looks++
	_, ok := m.blobs[name]
	return ok, ctx.Err()
}

// contextReader is a body that fails once its request has ended.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// Put implements [cache.Blobs].
func (m *Memory) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	return m.write(ctx, name, "", body, metadata)
}

// Replace implements [cache.Blobs].
func (m *Memory) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	return m.write(ctx, name, etag, body, metadata)
}

// write creates a blob, or replaces the one with an ETag.
func (m *Memory) write(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	m.mu.Lock()
	m.puts++
	m.mu.Unlock()

	if _, err := body.Seek(0, io.SeekStart); err != nil {
		return err
	}
	content, err := io.ReadAll(contextReader{ctx, body})
	if err != nil {
		return err
	}
	stored := Blob{Content: content, Metadata: make(cache.Metadata, len(metadata))}
	for key, value := range metadata {
		stored.Metadata[strings.ToLower(key)] = value
	}

	m.mu.Lock()
	defer m.mu.Unlock()
	if m.blobs[name].etag != etag {
		return cache.ErrExists
	}
	m.keep(name, stored)
	return nil
}

// keep stores a blob with a new ETag.
func (m *Memory) keep(name string, b Blob) {
	if m.blobs == nil {
		m.blobs = make(map[string]Blob)
	}
	m.etags++
	b.etag = strconv.Quote(strconv.Itoa(m.etags))
	m.blobs[name] = b
}

// Names returns the names of all blobs, sorted.
func (m *Memory) Names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.blobs))
}

// Blob returns a copy of the blob called name, and whether there is one.
func (m *Memory) Blob(name string) (Blob, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[name]
	return b.clone(), ok
}

// Alter applies change to the blob called name, without counting as a Put. It panics if
// there is no such blob.
func (m *Memory) Alter(name string, change func(*Blob)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.blobs[name]
	if !ok {
		panic("cachetest: no blob is called " + name)
	}
	b = b.clone() // open bodies do not change
	change(&b)
	m.keep(name, b)
}

// Set stores a blob called name, or replaces it, without counting as a Put.
func (m *Memory) Set(name string, b Blob) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.keep(name, b.clone())
}

// Remove removes the blob called name, if it exists.
func (m *Memory) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.blobs, name)
}

// Gets returns how often Get was called.
func (m *Memory) Gets() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.gets
}

// Puts returns how often Put was called.
func (m *Memory) Puts() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.puts
}

// Looks returns how often Exists was called.
func (m *Memory) Looks() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.looks
}
