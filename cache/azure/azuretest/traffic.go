package azuretest

import (
	"context"
	"net/http"
	"sync"
)

// Stats are the counts of a server since its start or the last reset.
type Stats struct {
	Gets        int64 `json:"gets"`        // reads of blobs with a response, found or not
	Puts        int64 `json:"puts"`        // blobs written
	Heads       int64 `json:"heads"`       // of blobs or containers
	Others      int64 `json:"others"`      // other requests, such as refused writes, blocks and lists
	BytesIn     int64 `json:"bytesIn"`     // of request bodies
	BytesOut    int64 `json:"bytesOut"`    // of response bodies
	Blobs       int64 `json:"blobs"`       // that exist now
	BytesStored int64 `json:"bytesStored"` // of these
	Connections int64 `json:"connections"` // that have sent requests
}

// Traffic counts requests. Its zero value is ready.
type Traffic struct {
	mu          sync.Mutex
	counts      Stats               // except Connections
	connections map[string]struct{} // by the address of the client
	changed     chan struct{}       // closed at the next change; nil if no one waits
}

// Kind is the kind of a request in the counts.
type Kind int

// The kinds of requests, as in [Stats].
const (
	Other Kind = iota
	Get
	Put
	Head
)

// Count counts a request that has a response; in and out are the sizes of the bodies.
func (t *Traffic) Count(r *http.Request, kind Kind, in, out int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.connections[r.RemoteAddr]; !ok {
		if t.connections == nil {
			t.connections = make(map[string]struct{})
		}
		t.connections[r.RemoteAddr] = struct{}{}
	}
	t.counts.BytesIn += in
	t.counts.BytesOut += out
	switch kind {
	case Put:
		t.counts.Puts++
		t.wake()
	case Get:
		t.counts.Gets++
	case Head:
		t.counts.Heads++
	default:
		t.counts.Others++
	}
}

// wake wakes waiting goroutines. The caller holds the lock.
func (t *Traffic) wake() {
	if t.changed != nil {
		close(t.changed)
		t.changed = nil
	}
}

// Counts returns all counts except Blobs and BytesStored.
func (t *Traffic) Counts() Stats {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := t.counts
	counts.Connections = int64(len(t.connections))
	return counts
}

// ResetCounts sets all counts to zero.
func (t *Traffic) ResetCounts() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.counts, t.connections = Stats{}, nil
}

// WaitForPuts returns when n blobs have been written, or the error of ctx.
func (t *Traffic) WaitForPuts(ctx context.Context, n int64) error {
	for {
		t.mu.Lock()
		if t.counts.Puts >= n {
			t.mu.Unlock()
			return nil
		}
		if t.changed == nil {
			t.changed = make(chan struct{})
		}
		changed := t.changed
		t.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
