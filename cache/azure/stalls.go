package azure

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
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
func (s *stalls) over() *limitError {
	return &limitError{what: "stalled connections have cost too much time: no byte has moved", limit: s.limit, key: "stall"}
}

// rival asks for what a quiet body should bring, again and again until something moves.
type rival struct {
	stalls   *stalls
	ask      func(context.Context) (io.ReadCloser, error)
	overtake context.CancelCauseFunc // ends the other's waiting

	cancel context.CancelFunc
	done   chan struct{} // closed when it has won or ended
	lasted time.Duration // since the body was last heard of

	body  io.ReadCloser           // nil: it has not won
	end   context.CancelCauseFunc // of the body's request
	first [1]byte                 // of the body
}

// start begins to ask.
func (r *rival) start(ctx context.Context) {
	asking, cancel := context.WithCancel(ctx)
	r.cancel, r.done, r.lasted = cancel, make(chan struct{}), r.stalls.quiet()
	go func() {
		defer close(r.done)
		for r.enter(asking) {
			again := r.try(ctx, asking)
			<-r.stalls.rivals
			if !again {
				return
			}
		}
	}()
}

// enter waits until there may be one more such request.
func (r *rival) enter(asking context.Context) bool {
	select {
	case r.stalls.rivals <- struct{}{}:
		return true
	case <-asking.Done():
		return false
	}
}

// try asks once, and reports whether to ask again. It takes as long as a body may be
// quiet, unless it wins.
func (r *rival) try(ctx, asking context.Context) (again bool) {
	begun := time.Now()
	trying, end := context.WithCancelCause(ctx)
	until, over := awake.WithTimeout(asking, r.stalls.quiet())
	defer over()
	unlink := context.AfterFunc(until, func() { end(nil) })
	body, err := r.ask(trying)
	if err == nil {
		if _, err = io.ReadFull(body, r.first[:]); err == nil && unlink() {
			r.lasted += min(time.Since(begun), r.stalls.quiet())
			r.body, r.end = body, end
			r.overtake(nil)
			return false
		}
		_ = body.Close() // it is not needed
	}
	if errors.Is(err, errOtherBytes) { // a storage that gives no parts
		return false
	}
	<-until.Done()
	r.lasted += r.stalls.quiet()
	return asking.Err() == nil
}

// stop returns when it asks no more.
func (r *rival) stop() {
	r.cancel()
	<-r.done
}

// drop ends the use of its body, if there is one.
func (r *rival) drop() {
	if r.body != nil {
		_ = r.body.Close() // it is not needed
		r.end(nil)
	}
}
