package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// httpCache is the server of Nx's HTTP cache client
// (nx.dev/recipes/running-tasks/self-hosted-caching). It accepts any token.
type httpCache struct {
	faults.Network
	azuretest.Traffic

	mu        sync.RWMutex
	artifacts map[string][]byte // by hash
}

// Stats returns the counts of the server.
func (s *httpCache) Stats() azuretest.Stats {
	stats := s.Counts()
	s.mu.RLock()
	defer s.mu.RUnlock()
	stats.Blobs = int64(len(s.artifacts))
	for _, artifact := range s.artifacts {
		stats.BytesStored += int64(len(artifact))
	}
	return stats
}

// Reset forgets everything.
func (s *httpCache) Reset() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.artifacts = nil
	s.ResetCounts()
}

// ServeHTTP implements [http.Handler].
func (s *httpCache) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash, ok := strings.CutPrefix(r.URL.Path, "/v1/cache/")
	if !ok || hash == "" {
		http.NotFound(w, r)
		return
	}
	switch r.Method {
	case http.MethodPut:
		s.put(w, r, hash)
	case http.MethodGet:
		s.get(w, r, hash)
	default:
		http.Error(w, "only GET and PUT", http.StatusMethodNotAllowed)
	}
}

func (s *httpCache) put(w http.ResponseWriter, r *http.Request, hash string) {
	if r.ContentLength < 0 {
		http.Error(w, "a length is required", http.StatusLengthRequired)
		return
	}
	artifact := make([]byte, r.ContentLength)
	if _, err := io.ReadFull(r.Body, artifact); err != nil || !s.Delay(r.Context()) {
		return // the client has gone
	}
	kind := azuretest.Put
	if !s.store(hash, artifact) {
		w.WriteHeader(http.StatusConflict)
		kind = azuretest.Other
	}
	s.Count(r, kind, r.ContentLength, 0)
}

// store reports whether the artifact is new. It never overwrites one.
func (s *httpCache) store(hash string, artifact []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, exists := s.artifacts[hash]; exists {
		return false
	}
	if s.artifacts == nil {
		s.artifacts = make(map[string][]byte)
	}
	s.artifacts[hash] = artifact
	return true
}

func (s *httpCache) get(w http.ResponseWriter, r *http.Request, hash string) {
	s.mu.RLock()
	artifact, exists := s.artifacts[hash]
	s.mu.RUnlock()
	if !s.Delay(r.Context()) {
		return
	}
	if !exists {
		http.NotFound(w, r)
		s.Count(r, azuretest.Get, 0, 0)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.Itoa(len(artifact)))
	sent, _ := w.Write(artifact) // the client may have gone
	s.Count(r, azuretest.Get, 0, int64(sent))
}
