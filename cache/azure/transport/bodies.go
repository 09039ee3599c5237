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

// requestBodies has the body of a request, of which one is sent at a time: the
// transport opens another one when the connection it had kept was dead, and the
// next try of the SDK reads the same from its beginning. Whoever is sent before
// may still be being read then.
type requestBodies struct {
	onProgress func() // called whenever a part is on its way
	current    *requestBody
}

// wrap takes over the body of a request.
func (s *requestBodies) wrap(request *http.Request, onProgress func()) {
	s.onProgress = onProgress
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

func (s *requestBodies) send(body io.ReadCloser) io.ReadCloser {
	s.current = &requestBody{ReadCloser: body, onProgress: s.onProgress}
	return s.current
}

// stop returns when nobody reads the body any more.
func (s *requestBodies) stop() {
	if s.current != nil {
		s.current.stop()
	}
}

// requestBody is a body of a request: whenever the transport wants more of it, what
// it had before is on its way.
type requestBody struct {
	io.ReadCloser
	onProgress func()

	mu      sync.Mutex
	stopped bool
}

var errStopped = errors.New("the request is over")

func (s *requestBody) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return 0, errStopped
	}
	s.onProgress()
	return s.ReadCloser.Read(p)
}

func (s *requestBody) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// responseBody is a body of an answer. Its reader may take its time; the sender may
// not.
type responseBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  *LimitError
	timer  *awake.Timer   // while it is read
	sent   *requestBodies // what it answers
}

func newResponseBody(body io.ReadCloser, ctx context.Context, cancel context.CancelCauseFunc, stall *LimitError, sent *requestBodies) *responseBody {
	return &responseBody{ReadCloser: body, ctx: ctx, cancel: cancel, stall: stall, sent: sent, timer: awake.NewTimer(func() time.Duration {
		cancel(stall)
		return 0
	})}
}

func (r *responseBody) Read(p []byte) (int, error) {
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

func (r *responseBody) Close() error {
	err := r.ReadCloser.Close()
	r.cancel(nil)
	r.sent.stop()
	return err
}
