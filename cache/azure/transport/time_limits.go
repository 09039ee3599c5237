package transport

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
func (l Limits) answer(withBody bool) *LimitError {
	if withBody {
		return &LimitError{What: "no response", Limit: l.Stall + l.FirstByte, Key: "stall + azure.timeouts.firstByte"}
	}
	return &LimitError{What: "no response", Limit: l.FirstByte, Key: "firstByte"}
}

// DefaultLimits are far above what Azure needs (connections take a few round
// trips, answers some 10 ms, in bad minutes a second), and low enough that a
// dead network costs a run some seconds once (see [cache.Breaker]).
var DefaultLimits = Limits{Connect: 5 * time.Second, FirstByte: 10 * time.Second, Stall: 15 * time.Second}

// How often a request is repeated, by whatever repeats it.
const (
	// MaxRetries is how often a request is repeated after its first try, on 408,
	// 429, 5xx and broken connections. What has used up a time limit is not.
	MaxRetries = 2
	// MaxRetryDelay is also the longest Retry-After that is obeyed: a server that
	// asks for more has refused.
	MaxRetryDelay = 3 * time.Second
)

// LimitError says which of the limits is over.
type LimitError struct {
	What  string
	Limit time.Duration
	Key   string // in nx.json
	Hint  string // what to look at, where that is known
}

func (e *LimitError) Error() string {
	text := fmt.Sprintf("%s within %s (azure.timeouts.%s in nx.json)", e.What, e.Limit, e.Key)
	if e.Hint == "" {
		return text
	}
	return text + ": " + e.Hint
}

func (e *LimitError) Is(target error) bool { return target == cache.ErrTimeLimit }

// NonRetriable tells azcore's retry policy that the time for this is up.
func (*LimitError) NonRetriable() {}

// limitBehind returns the limit that err is about, or err itself. The transport
// has a time limit of its own for connections, which may be first.
func limitBehind(ctx context.Context, err error, connect *LimitError) error {
	if limit, ok := errors.AsType[*LimitError](context.Cause(ctx)); ok {
		return limit
	}
	failed, ok := errors.AsType[net.Error](err)
	if ok && failed.Timeout() && ctx.Err() == nil && !errors.Is(err, syscall.ETIMEDOUT) {
		return connect
	}
	return err
}

// watchdog ends a request for which nothing happens. It watches until the answer
// begins.
type watchdog struct {
	limit atomic.Pointer[LimitError] // of what comes next
	timer *awake.Timer

	mu    sync.Mutex
	ended bool
}

func newWatchdog(cancel context.CancelCauseFunc) *watchdog {
	w := new(watchdog)
	w.timer = awake.NewTimer(func() time.Duration {
		cancel(w.limit.Load())
		return 0
	})
	return w
}

// expect gives what comes next its time. The transport may tell of the end of a
// request after the answer to it has begun.
func (w *watchdog) expect(limit *LimitError) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.limit.Store(limit)
		w.timer.Reset(limit.Limit)
	}
}

func (w *watchdog) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	w.timer.Stop()
}
