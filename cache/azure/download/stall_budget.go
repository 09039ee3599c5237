package download

import (
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

const (
	// hedgePart of the stall limit is how long a body may be quiet before the range is
	// requested on a second connection. The first of both that delivers a byte wins.
	hedgePart = 5
	// maxHedges bounds the second requests that run at once: a dead network must not
	// cause a flood.
	maxHedges = 16
	// exhaustedPart of the stall limit is how long a body may be quiet once the budget is
	// exhausted. Full waits of the downloads in the queue would add up.
	exhaustedPart = 50
)

// stallBudget is the time that all downloads of an account may lose to stalls together:
// one stall limit. Overlapping stalls count once. One bad connection among good ones
// costs a fraction of the limit; without the budget, a dead network would cost a run one
// limit for each task.
type stallBudget struct {
	limit      time.Duration
	hedgeSlots chan struct{}

	mu          sync.Mutex
	lost        time.Duration
	lastEnd     time.Time // of the last stall
	isExhausted bool
}

func newStallBudget(limit time.Duration) *stallBudget {
	return &stallBudget{limit: limit, hedgeSlots: make(chan struct{}, descriptors.Share(32, maxHedges))}
}

// quietLimit is how long a body may be quiet before it is hedged or, once the budget is
// exhausted, before it fails.
func (b *stallBudget) quietLimit() time.Duration {
	if b.exhausted() {
		return b.limit / exhaustedPart
	}
	return b.limit / hedgePart
}

func (b *stallBudget) exhausted() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.isExhausted
}

func (b *stallBudget) exhaust() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.isExhausted = true
}

// spend books a stall that ends now. It reports whether budget is left.
func (b *stallBudget) spend(stalled time.Duration) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	begin := now.Add(-stalled)
	if begin.Before(b.lastEnd) {
		begin = b.lastEnd
	}
	b.lost, b.lastEnd = b.lost+now.Sub(begin), now
	b.isExhausted = b.isExhausted || b.lost > b.limit
	return !b.isExhausted
}

// err is the error of a download that stalls after the budget is exhausted.
func (b *stallBudget) err() *transport.LimitError {
	return &transport.LimitError{What: "stalled connections have used up the time limit: no data was transferred", Limit: b.limit, Key: "stall"}
}
