package download

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

// hedge requests the rest of a quiet range on another connection, again and again, until
// either connection delivers a byte.
type hedge struct {
	budget         *stallBudget
	open           func(context.Context) (io.ReadCloser, error)
	cancelOriginal context.CancelCauseFunc // ends the wait for the quiet body

	cancel context.CancelFunc
	done   chan struct{} // closed once it has won or stopped
	waited time.Duration // since the quiet body's last byte

	body       io.ReadCloser           // nil unless it has won
	cancelBody context.CancelCauseFunc // of the body's request
	first      [1]byte                 // of the body
}

func (h *hedge) start(ctx context.Context) {
	hedging, cancel := context.WithCancel(ctx)
	h.cancel, h.done, h.waited = cancel, make(chan struct{}), h.budget.quietLimit()
	go func() {
		defer close(h.done)
		for h.acquireSlot(hedging) {
			again := h.try(ctx, hedging)
			<-h.budget.hedgeSlots
			if !again {
				return
			}
		}
	}()
}

func (h *hedge) acquireSlot(hedging context.Context) bool {
	select {
	case h.budget.hedgeSlots <- struct{}{}:
		return true
	case <-hedging.Done():
		return false
	}
}

// try sends one request, and reports whether to send another. Unless it wins, it takes
// as long as a body may be quiet.
func (h *hedge) try(ctx, hedging context.Context) (again bool) {
	begun := time.Now()
	trying, cancelTry := context.WithCancelCause(ctx)
	deadline, release := awake.WithTimeout(hedging, h.budget.quietLimit())
	defer release()
	unlink := context.AfterFunc(deadline, func() { cancelTry(nil) })
	body, err := h.open(trying)
	if err == nil {
		if _, err = io.ReadFull(body, h.first[:]); err == nil && unlink() {
			h.waited += min(time.Since(begun), h.budget.quietLimit())
			h.body, h.cancelBody = body, cancelTry
			h.cancelOriginal(nil)
			return false
		}
		_ = body.Close() // it is not needed
	}
	if errors.Is(err, ErrOtherBytes) { // the storage ignores ranges
		return false
	}
	<-deadline.Done()
	h.waited += h.budget.quietLimit()
	return hedging.Err() == nil
}

// stop returns when no request is under way.
func (h *hedge) stop() {
	h.cancel()
	<-h.done
}

// discard closes its body, if there is one.
func (h *hedge) discard() {
	if h.body != nil {
		_ = h.body.Close() // it is not needed
		h.cancelBody(nil)
	}
}
