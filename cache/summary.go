package cache

import (
	"errors"
	"sync/atomic"
)

// Summary counts what a cache has done. Bytes are those of archives, as sent.
type Summary struct {
	Hits         int64 `json:"hits"`
	Misses       int64 `json:"misses"`
	Damaged      int64 `json:"damaged"` // entries that were there and not to be used
	Stored       int64 `json:"stored"`
	Existing     int64 `json:"existing"` // results that somebody stored before
	Skipped      int64 `json:"skipped"`  // results that cannot be stored, or changed meanwhile
	Failed       int64 `json:"failed"`   // requests that ended in an error
	BytesRead    int64 `json:"bytesRead"`
	BytesWritten int64 `json:"bytesWritten"`
}

type counters struct {
	hits, misses, damaged             atomic.Int64
	stored, existing, skipped, failed atomic.Int64
	bytesRead, bytesWritten           atomic.Int64
	moved                             atomic.Int64
}

// Moved is the number of bytes that have come or gone, whatever became of them.
func (c *Cache) Moved() int64 { return c.counters.moved.Load() }

// Summary returns what the cache has done so far.
func (c *Cache) Summary() Summary {
	n := &c.counters
	return Summary{
		Hits: n.hits.Load(), Misses: n.misses.Load(), Damaged: n.damaged.Load(),
		Stored: n.stored.Load(), Existing: n.existing.Load(), Skipped: n.skipped.Load(),
		Failed:    n.failed.Load(),
		BytesRead: n.bytesRead.Load(), BytesWritten: n.bytesWritten.Load(),
	}
}

func (n *counters) retrieved(err error) {
	switch _, unreadable := errors.AsType[*UnreadableError](err); {
	case err == nil:
		n.hits.Add(1)
	case errors.Is(err, ErrNotFound), unreadable:
		n.misses.Add(1)
	case errors.Is(err, ErrDamaged):
		n.damaged.Add(1)
	default:
		n.failed.Add(1)
	}
}

func (n *counters) wrote(done Stored) {
	switch done.Outcome {
	case OutcomeStored:
		n.stored.Add(1)
		n.bytesWritten.Add(done.Bytes)
	case OutcomeExists:
		n.existing.Add(1)
	case OutcomeChanged, OutcomeRefused:
		n.skipped.Add(1)
	case OutcomeFailed:
		n.failed.Add(1)
	}
}
