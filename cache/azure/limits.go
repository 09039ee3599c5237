package azure

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// Limits are how long a request may wait for something to happen. None of them
// limits how long a transfer takes that moves, and only time counts in which this
// process ran (package awake).
type Limits struct {
	Connect   time.Duration // for a connection: name, TCP, proxy and TLS
	FirstByte time.Duration // from the end of a request to the beginning of its answer
	Stall     time.Duration // without a byte while a body is sent or received
}

// answer is how long the answer to a request may take. The end of a body has
// left the process, but not yet the buffers of the system: those of four uploads
// are some 16 MB, which a slow line takes a while to send.
func (l Limits) answer(withBody bool) *limitError {
	if withBody {
		return &limitError{what: "no answer", limit: l.Stall + l.FirstByte, key: "stall + azure.timeouts.firstByte"}
	}
	return &limitError{what: "no answer", limit: l.FirstByte, key: "firstByte"}
}

// DefaultLimits are far above what Azure needs (connections take a few round
// trips, answers some 10 ms, in bad minutes a second), and low enough that a
// dead network costs a run some seconds once (see [cache.Breaker]).
var DefaultLimits = Limits{Connect: 5 * time.Second, FirstByte: 10 * time.Second, Stall: 15 * time.Second}

// Silence is the longest time for which a request may be in work without
// sending or receiving a byte of a body: before the first one, or between two. It
// leaves out a body that breaks again before it has moved.
func (l Limits) Silence() time.Duration {
	const tries = maxRetries + 1
	const again = 1 // on a fresh connection, see [limited]
	return signin.Limit + (tries+again)*(l.Connect+l.FirstByte) + maxRetries*maxRetryDelay + 2*l.Stall
}

// limitError says which of the limits is over.
type limitError struct {
	what  string
	limit time.Duration
	key   string // in nx.json
	mend  string // what to look at, where that is known
}

func (e *limitError) Error() string {
	text := fmt.Sprintf("%s within %s (azure.timeouts.%s in nx.json)", e.what, e.limit, e.key)
	if e.mend == "" {
		return text
	}
	return text + ": " + e.mend
}

func (e *limitError) Is(target error) bool { return target == cache.ErrTimeLimit }

// NonRetriable tells azcore's retry policy that the time for this is up.
func (*limitError) NonRetriable() {}

// overLimit returns the limit that err is about, or err itself. The transport
// has a time limit of its own for connections, which may be first.
func overLimit(ctx context.Context, err error, connect *limitError) error {
	if limit, ok := errors.AsType[*limitError](context.Cause(ctx)); ok {
		return limit
	}
	failed, ok := errors.AsType[net.Error](err)
	if ok && failed.Timeout() && ctx.Err() == nil && !errors.Is(err, syscall.ETIMEDOUT) {
		return connect
	}
	return err
}

// watch ends a request for which nothing happens. It watches until the answer
// begins.
type watch struct {
	limit atomic.Pointer[limitError] // of what comes next
	timer *awake.Timer

	mu    sync.Mutex
	ended bool
}

func newWatch(cancel context.CancelCauseFunc) *watch {
	w := new(watch)
	w.timer = awake.NewTimer(func() time.Duration {
		cancel(w.limit.Load())
		return 0
	})
	return w
}

// expect gives what comes next its time. The transport may tell of the end of a
// request after the answer to it has begun.
func (w *watch) expect(limit *limitError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.limit.Store(limit)
		w.timer.Reset(limit.limit)
	}
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}
