package transport

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
)

// sender has the body of a request, of which one is sent at a time: the
// transport opens another one when the connection it had kept was dead, and the
// next try of the SDK reads the same from its beginning. Whoever is sent before
// may still be being read then.
type sender struct {
	moves   func() // called whenever a part is on its way
	current *sending
}

// wrap takes over the body of a request.
func (s *sender) wrap(request *http.Request, moves func()) {
	s.moves = moves
	request.Body = s.send(request.Body)
	open := request.GetBody
	if open == nil {
		return
	}
	request.GetBody = func() (io.ReadCloser, error) {
		s.stop() // before it goes back to the beginning
		body, err := open()
		if err != nil {
			return nil, err
		}
		return s.send(body), nil
	}
}

func (s *sender) send(body io.ReadCloser) io.ReadCloser {
	s.current = &sending{ReadCloser: body, moves: s.moves}
	return s.current
}

// stop returns when nobody reads the body any more.
func (s *sender) stop() {
	if s.current != nil {
		s.current.stop()
	}
}

// sending is a body of a request: whenever the transport wants more of it, what
// it had before is on its way.
type sending struct {
	io.ReadCloser
	moves func()

	mu      sync.Mutex
	stopped bool
}

var errStopped = errors.New("the request is over")

func (s *sending) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return 0, errStopped
	}
	s.moves()
	return s.ReadCloser.Read(p)
}

func (s *sending) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// receiving is a body of an answer. Its reader may take its time; the sender may
// not.
type receiving struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  *LimitError
	timer  *awake.Timer // while it is read
	sent   *sender      // what it answers
}

func newReceiving(body io.ReadCloser, ctx context.Context, cancel context.CancelCauseFunc, stall *LimitError, sent *sender) *receiving {
	return &receiving{ReadCloser: body, ctx: ctx, cancel: cancel, stall: stall, sent: sent, timer: awake.NewTimer(func() time.Duration {
		cancel(stall)
		return 0
	})}
}

func (r *receiving) Read(p []byte) (int, error) {
	r.timer.Reset(r.stall.Limit)
	n, err := r.ReadCloser.Read(p)
	r.timer.Stop()
	if err != nil && err != io.EOF {
		if limit, ok := errors.AsType[*LimitError](context.Cause(r.ctx)); ok {
			err = limit
		}
	}
	return n, err
}

func (r *receiving) Close() error {
	err := r.ReadCloser.Close()
	r.cancel(nil)
	r.sent.stop()
	return err
}
