package download

import (
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
)

const (
	// quietPart of the limit for stalls is how long a body may bring no byte before the
	// same is asked for on another connection. The first of both that moves counts.
	quietPart = 5
	// maxRivals is how many such requests there are at once: a network that is dead for
	// all of them gets no flood.
	maxRivals = 16
	// spentPart of the limit is how long a body may bring no byte once the limit is used
	// up: those that wait for their turn would add up.
	spentPart = 50
)

// stalls are those of the downloads of an account. One bad connection among good ones
// costs a part of a limit and nothing else; but the time that all of them have cost,
// that of several at once counted once, is never more than one limit. Else a run
// would lose as many limits as it has tasks.
type stalls struct {
	limit  time.Duration
	rivals chan struct{}

	mu    sync.Mutex
	total time.Duration // what they have cost
	until time.Time     // the end of the last of it
	isOff bool          // the limit is used up
}

func newStalls(limit time.Duration) *stalls {
	return &stalls{limit: limit, rivals: make(chan struct{}, descriptors.Share(32, maxRivals))}
}

// quiet is how long a body may bring no byte before another connection is tried, or,
// once the limit is used up, before it fails.
func (s *stalls) quiet() time.Duration {
	if s.spent() {
		return s.limit / spentPart
	}
	return s.limit / quietPart
}

func (s *stalls) spent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isOff
}

// spend notes that the limit is used up.
func (s *stalls) spend() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.isOff = true
}

// count counts a stall that ends now. It reports whether there may be more.
func (s *stalls) count(lasted time.Duration) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	begin := now.Add(-lasted)
	if begin.Before(s.until) {
		begin = s.until
	}
	s.total, s.until = s.total+now.Sub(begin), now
	s.isOff = s.isOff || s.total > s.limit
	return !s.isOff
}

// over says that the limit is used up.
func (s *stalls) over() *transport.LimitError {
	return &transport.LimitError{What: "stalled connections have cost too much time: no byte has moved", Limit: s.limit, Key: "stall"}
}
