package azuretest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// store holds the blobs.
type store struct {
	mu         sync.RWMutex
	containers map[string]*container
	versions   uint64 // for ETags
}

type container struct {
	blobs  map[string]*blob
	blocks map[string][]block // uncommitted, by the name of their blob
	names  []string           // of the blobs, sorted; nil if out of date
	etag   string
	made   time.Time
}

// blob is immutable; a write replaces it.
type blob struct {
	blocks   []block
	size     int64
	etag     string
	modified time.Time   // to the second
	created  time.Time   //
	header   http.Header // sent in addition to common; shared by all responses
	metadata []string    // the names of its headers of metadata, sorted
	archived bool        // see [Service.Archive]
}

// block is a part of a blob. Put Blob makes one without an ID.
type block struct {
	id   string
	data []byte
}

// CreateContainer creates a container. It returns false if there was one.
func (s *Service) CreateContainer(name string) bool {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if s.store.containers[name] != nil {
		return false
	}
	if s.store.containers == nil {
		s.store.containers = make(map[string]*container)
	}
	s.store.containers[name] = &container{
		blobs: make(map[string]*blob), blocks: make(map[string][]block), etag: s.store.nextETag(), made: time.Now(),
	}
	return true
}

// nextETag returns an unused ETag. The caller holds the lock.
func (s *store) nextETag() string {
	s.versions++
	return fmt.Sprintf(`"0x8DE%012X"`, s.versions)
}

func (s *store) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.containers {
		clear(c.blobs)
		clear(c.blocks)
		c.names = nil
	}
}

func (s *store) size() (blobs, bytes int64) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, c := range s.containers {
		for _, b := range c.blobs {
			blobs++
			bytes += b.size
		}
	}
	return blobs, bytes
}

// put stores a blob under a name. The caller holds the lock.
func (s *store) put(c *container, name string, b *blob) {
	b.etag = s.nextETag()
	if b.modified.IsZero() {
		b.modified = time.Now()
	}
	b.modified = b.modified.UTC().Truncate(time.Second)
	b.created = b.modified
	if before := c.blobs[name]; before != nil {
		b.created = before.created
	} else {
		c.names = nil
	}
	delete(c.blocks, name)
	for _, part := range b.blocks {
		b.size += int64(len(part.data))
	}
	b.header["Etag"] = []string{b.etag}
	b.header["Last-Modified"] = []string{b.modified.Format(http.TimeFormat)}
	b.header["X-Ms-Creation-Time"] = []string{b.created.Format(http.TimeFormat)}
	c.blobs[name] = b
}

// remove removes a blob, if it exists. The caller holds the lock.
func (c *container) remove(name string) {
	delete(c.blobs, name)
	c.names = nil
}

// common are the headers that every blob has.
var common = http.Header{
	"Accept-Ranges":         {"bytes"},
	"X-Ms-Blob-Type":        {"BlockBlob"},
	"X-Ms-Lease-Status":     {"unlocked"},
	"X-Ms-Lease-State":      {"available"},
	"X-Ms-Server-Encrypted": {"true"},
}

var octetStream = []string{"application/octet-stream"}

const metadataPrefix = "X-Ms-Meta-"

// contentHeaders are the properties that a writer may set.
var contentHeaders = map[string]string{
	"X-Ms-Blob-Content-Type":        "Content-Type",
	"X-Ms-Blob-Content-Encoding":    "Content-Encoding",
	"X-Ms-Blob-Content-Language":    "Content-Language",
	"X-Ms-Blob-Content-Disposition": "Content-Disposition",
	"X-Ms-Blob-Cache-Control":       "Cache-Control",
	"X-Ms-Blob-Content-Md5":         "Content-Md5",
}

// newBlob makes a blob from the headers of a request.
func newBlob(sent http.Header, blocks []block) *blob {
	b := &blob{blocks: blocks, header: http.Header{"Content-Type": octetStream}}
	for name, values := range sent {
		if strings.HasPrefix(name, metadataPrefix) {
			b.header[name] = values
			b.metadata = append(b.metadata, name)
		} else if property := contentHeaders[name]; property != "" {
			b.header[property] = values
		}
	}
	slices.Sort(b.metadata)
	return b
}

// body returns a range of a blob, without copying.
func (b *blob) body(from, length int64) (parts [][]byte) {
	for _, part := range b.blocks {
		size := int64(len(part.data))
		if from >= size {
			from -= size
			continue
		}
		n := min(size-from, length)
		parts = append(parts, part.data[from:from+n])
		if length -= n; length == 0 {
			break
		}
		from = 0
	}
	return parts
}

// find returns the container and the blob of a request, or nil. The caller holds the
// lock.
func (c *call) find() (*container, *blob) {
	existing := c.service.store.containers[c.container]
	if existing == nil {
		return nil, nil
	}
	return existing, existing.blobs[c.name]
}
