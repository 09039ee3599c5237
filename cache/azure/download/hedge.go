package download

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

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
	if errors.Is(err, ErrOtherBytes) { // a storage that gives no parts
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
