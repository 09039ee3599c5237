// Package backfill stores results that Nx has found in its local cache and that the remote
// cache lacks, such as those of builds from before the remote cache worked. It knows where
// Nx keeps a result, and in which order the work is done; it must not know the protocol,
// and package cache decides what is stored.
package backfill

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

const (
	// maxLookups is how many results are looked up at once: fewer than those that Nx waits
	// for.
	maxLookups = 16
	// maxHits is how many results a session handles, in about 10 MB.
	maxHits = 20_000
)

// Queue handles local hits in the background. Only one result is packed or sent at a time,
// so that the results of the run itself come first.
type Queue struct {
	ctx    context.Context // ends when the rest is dropped
	stop   context.CancelFunc
	cache  *cache.Cache
	report func(cache.Stored)
	stores chan struct{} // holds one element while a result is being stored

	mu      sync.Mutex
	seen    map[string]bool // hashes
	hits    []hit           // that wait
	working int             // goroutines
	idle    chan struct{}   // closed while there is nothing to do
}

// New returns a queue of a cache, or nil if the cache does not store local hits
// ([cache.Cache.Backfills]). The queue calls report with each outcome, on several goroutines.
// ctx may have a logger; its end does not matter.
func New(ctx context.Context, c *cache.Cache, report func(cache.Stored)) *Queue {
	if !c.Backfills() {
		return nil
	}
	q := &Queue{cache: c, report: report, stores: make(chan struct{}, 1), seen: make(map[string]bool), idle: make(chan struct{})}
	q.ctx, q.stop = context.WithCancel(context.WithoutCancel(ctx))
	close(q.idle)
	return q
}

// Add adds hits of a cache directory, and returns before they are handled. It handles each
// hash once. It ignores hits of a directory that other users can change: requests report
// that.
func (q *Queue) Add(cacheDirectory string, hits ...LocalHit) {
	if _, err := q.cache.Folder(cacheDirectory); err != nil {
		zerolog.Ctx(q.ctx).Debug().Err(err).Msg("local hits ignored")
		return
	}
	for _, added := range hits {
		if h := added.look(cacheDirectory); h.IsThere {
			q.add(h)
		}
	}
}

func (q *Queue) add(h hit) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen[h.Hash] || len(q.seen) == maxHits || q.ctx.Err() != nil {
		return
	}
	q.seen[h.Hash] = true
	q.hits = append(q.hits, h)
	if q.working == descriptors.Share(32, maxLookups) {
		return
	}
	if q.working == 0 {
		q.idle = make(chan struct{})
	}
	q.working++
	go q.work()
}

// Drain waits until all results are handled. If ctx ends first, it drops the rest. When it
// returns, the queue does not use the cache.
func (q *Queue) Drain(ctx context.Context) {
	if q == nil {
		return
	}
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
		q.stop()
		<-idle
	}
}

// Wait waits until all results are handled or ctx ends.
func (q *Queue) Wait(ctx context.Context) {
	if q == nil {
		return
	}
	q.mu.Lock()
	idle := q.idle
	q.mu.Unlock()
	select {
	case <-idle:
	case <-ctx.Done():
	}
}

// work handles results until none is left.
func (q *Queue) work() {
	for {
		h, ok := q.next()
		if !ok {
			return
		}
		stored := q.handle(h)
		if q.ctx.Err() != nil {
			continue // a consequence of the end, or of an earlier failure
		}
		// The next ones would fail, too. A later run finds these results again.
		if stored.Outcome == cache.OutcomeFailed {
			q.stop()
		}
		q.report(stored)
	}
}

func (q *Queue) next() (h hit, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.hits) == 0 || q.ctx.Err() != nil {
		q.hits = nil
		if q.working--; q.working == 0 {
			close(q.idle)
		}
		return h, false
	}
	h, q.hits = q.hits[0], q.hits[1:]
	return h, true
}

// handle stores a result if no scope that this run reads has it. A panic becomes the error
// of this result.
func (q *Queue) handle(h hit) (stored cache.Stored) {
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(q.ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("backfill panicked")
			stored = cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeFailed, Err: fmt.Errorf("backfill %s %w: %v", h.Hash, cache.ErrPanic, p)}
		}
	}()
	isStored, err := q.cache.IsStored(q.ctx, h.Hash)
	switch {
	case err != nil:
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeFailed, Err: err}
	case isStored:
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeExists}
	}
	select {
	case q.stores <- struct{}{}:
		defer func() { <-q.stores }()
	case <-q.ctx.Done():
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeFailed, Err: context.Cause(q.ctx)}
	}
	return q.store(h)
}

func (q *Queue) store(h hit) cache.Stored {
	result, err := h.result(q.ctx)
	if err != nil {
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeChanged, Err: err}
	}
	done := make(chan cache.Stored, 1)
	reason, err := q.cache.Store(q.ctx, result, func(stored cache.Stored) { done <- stored })
	switch {
	case reason != "":
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeChanged, Err: errors.New(reason)}
	case errors.Is(err, cache.ErrSkipped):
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeChanged, Err: err}
	case err != nil:
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeFailed, Err: err}
	}
	select {
	case stored := <-done:
		return stored
	case <-q.ctx.Done(): // the cache decides how long it sends
		return cache.Stored{Hash: h.Hash, Outcome: cache.OutcomeFailed, Err: context.Cause(q.ctx)}
	}
}
