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

// requestBodies wraps the body of a request. One body is sent at a time: the transport
// opens another if its connection was dead, and the SDK's next retry reads the same data
// from the beginning. The previous body may still be in use then.
type requestBodies struct {
	onProgress func() // called whenever a part has been passed on
	current    *requestBody
}

// wrap replaces the body of a request.
func (s *requestBodies) wrap(request *http.Request, onProgress func()) {
	s.onProgress = onProgress
	request.Body = s.send(request.Body)
	open := request.GetBody
	if open == nil {
		return
	}
	request.GetBody = func() (io.ReadCloser, error) {
		s.stop() // before the new body seeks to the beginning
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

// stop returns when no goroutine reads the body any more.
func (s *requestBodies) stop() {
	if s.current != nil {
		s.current.stop()
	}
}

// requestBody is the body of a request. Whenever the transport reads from it, the
// previous part has been passed on.
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

// responseBody is the body of a response. Its reader may be slow; the server may not.
type responseBody struct {
	io.ReadCloser
	ctx    context.Context
	cancel context.CancelCauseFunc
	stall  *LimitError
	timer  *awake.Timer   // runs during a read
	sent   *requestBodies // of the request
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
