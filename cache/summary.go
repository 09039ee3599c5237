package cache

import (
	"errors"
	"hash/maphash"
	"sync"
	"sync/atomic"
)

// Summary counts what a cache has done. Bytes are those of archives, as they were sent.
// Misses, damaged entries and failed reads count once per hash, because some versions of
// Nx request the same result repeatedly.
type Summary struct {
	Hits         int64 `json:"hits"`
	Misses       int64 `json:"misses"`
	Damaged      int64 `json:"damaged"` // entries that exist and must not be used
	Stored       int64 `json:"stored"`
	Existing     int64 `json:"existing"` // results whose entry existed already
	Skipped      int64 `json:"skipped"`  // results that cannot be stored, or changed before they were packed
	Evicted      int64 `json:"evicted"`  // results that Nx removed before they were stored
	Failed       int64 `json:"failed"`   // requests that failed with another error
	BytesRead    int64 `json:"bytesRead"`
	BytesWritten int64 `json:"bytesWritten"`
	// Saved is for how many milliseconds the tasks of the hits ran when their results were
	// stored. Hits whose entries do not tell do not count.
	Saved int64 `json:"saved,omitempty"`
}

type counters struct {
	hits, misses, damaged             atomic.Int64
	stored, existing, skipped, failed atomic.Int64
	evicted                           atomic.Int64
	bytesRead, bytesWritten           atomic.Int64
	moved, saved                      atomic.Int64
	seen                              distinct
}

// Moved is the number of bytes sent and received so far, whatever their outcome.
func (c *Cache) Moved() int64 { return c.counters.moved.Load() }

// Summary returns what the cache has done so far.
func (c *Cache) Summary() Summary {
	n := &c.counters
	return Summary{
		Hits: n.hits.Load(), Misses: n.misses.Load(), Damaged: n.damaged.Load(),
		Stored: n.stored.Load(), Existing: n.existing.Load(), Skipped: n.skipped.Load(),
		Evicted:   n.evicted.Load(),
		Failed:    n.failed.Load(),
		BytesRead: n.bytesRead.Load(), BytesWritten: n.bytesWritten.Load(), Saved: n.saved.Load(),
	}
}

// retrieved counts the outcome of a request for a hash.
func (n *counters) retrieved(hash string, hit *Hit, err error) {
	counter := &n.failed
	switch _, unreadable := errors.AsType[*UnreadableError](err); {
	case err == nil:
		n.hits.Add(1)
		if hit.Took != nil {
			n.saved.Add(*hit.Took)
		}
		return
	case errors.Is(err, ErrNotFound), unreadable:
		counter = &n.misses
	case errors.Is(err, ErrDamaged):
		counter = &n.damaged
	}
	if n.seen.add(retrieval{hash, counter}) {
		counter.Add(1)
	}
}

// maxDistinct is how many retrievals are remembered, in about 4 MB. Later ones count each
// time.
const maxDistinct = 100_000

// retrieval is a hash and the counter of its outcome.
type retrieval struct {
	hash    string
	counter *atomic.Int64
}

// distinct recognizes repeated retrievals. It keeps a 64-bit checksum of each: two of
// 100,000 collide with a probability of 1 in 4 billion.
type distinct struct {
	mu   sync.Mutex
	seen map[uint64]struct{}
}

var seed = maphash.MakeSeed()

// add reports whether a retrieval is new.
func (d *distinct) add(r retrieval) bool {
	sum := maphash.Comparable(seed, r)
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.seen[sum]; ok {
		return false
	}
	if d.seen == nil {
		d.seen = make(map[uint64]struct{})
	}
	if len(d.seen) < maxDistinct {
		d.seen[sum] = struct{}{}
	}
	return true
}

func (n *counters) wrote(done Stored) {
	switch done.Outcome {
	case OutcomeStored:
		n.stored.Add(1)
		n.bytesWritten.Add(done.Bytes)
	case OutcomeExists, OutcomeDiffers:
		n.existing.Add(1)
	case OutcomeChanged, OutcomeRefused:
		n.skipped.Add(1)
	case OutcomeEvicted:
		n.evicted.Add(1)
	case OutcomeFailed:
		n.failed.Add(1)
	}
}
