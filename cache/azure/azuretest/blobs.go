package azuretest

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"time"
)

// Blob is a blob as tests see and change it, without requests.
type Blob struct {
	Body     []byte
	Metadata http.Header // without prefix: names such as Sha256
	ETag     string      // given by the service
	Modified time.Time   // in Put, zero means now
}

// Put stores a blob, and replaces any other. The service keeps the body, which must not
// be changed afterwards.
func (s *Service) Put(container, name string, b Blob) error {
	sent := make(http.Header, len(b.Metadata))
	for key, values := range b.Metadata {
		sent[metadataPrefix+http.CanonicalHeaderKey(key)] = values
	}
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	existing := s.store.containers[container]
	if existing == nil {
		return fmt.Errorf("there is no container %q", container)
	}
	stored := newBlob(sent, []block{{data: b.Body}})
	stored.modified = b.Modified
	s.store.put(existing, name, stored)
	return nil
}

// Blob returns a copy of a blob, or false if there is none.
func (s *Service) Blob(container, name string) (b Blob, ok bool) {
	s.store.mu.RLock()
	defer s.store.mu.RUnlock()
	existing := s.store.containers[container]
	if existing == nil || existing.blobs[name] == nil {
		return Blob{}, false
	}
	stored := existing.blobs[name]
	b = Blob{Body: make([]byte, 0, stored.size), Metadata: make(http.Header), ETag: stored.etag, Modified: stored.modified}
	for _, part := range stored.blocks {
		b.Body = append(b.Body, part.data...)
	}
	for _, header := range stored.metadata {
		b.Metadata[header[len(metadataPrefix):]] = slices.Clone(stored.header[header])
	}
	return b, true
}

// Archive moves a blob to the archive tier, if it exists. Then only its properties can be
// read and it can be deleted
// (learn.microsoft.com/azure/storage/blobs/access-tiers-overview#archive-access-tier).
func (s *Service) Archive(container, name string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	existing := s.store.containers[container]
	if existing == nil || existing.blobs[name] == nil {
		return
	}
	moved := *existing.blobs[name]
	moved.archived, moved.header = true, maps.Clone(moved.header)
	moved.header["X-Ms-Access-Tier"] = []string{"Archive"}
	existing.blobs[name] = &moved
}

// Remove removes a blob, if it exists.
func (s *Service) Remove(container, name string) {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if existing := s.store.containers[container]; existing != nil {
		existing.remove(name)
	}
}

// Names returns the names of all blobs of a container, sorted.
func (s *Service) Names(container string) []string {
	s.store.mu.Lock()
	defer s.store.mu.Unlock()
	if existing := s.store.containers[container]; existing != nil {
		return slices.Clone(existing.sorted())
	}
	return nil
}
