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
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// Limits are how long a request may make no progress. They do not limit how long a
// transfer takes while data moves. Time while this process is suspended does not count
// (package awake).
type Limits struct {
	Connect   time.Duration // to connect: DNS, TCP, proxy and TLS
	FirstByte time.Duration // from the end of a request to the beginning of its response
	Stall     time.Duration // without a byte while a body is sent or received
}

// responseLimit is how long a response may take. The end of a body has left the process,
// but not yet the system's buffers: with four uploads they hold about 16 MB, which a slow
// line takes a while to send.
func (l Limits) responseLimit(withBody bool) *LimitError {
	if withBody {
		return &LimitError{What: "no response", Limit: l.Stall + l.FirstByte, Key: "stall + azure.timeouts.firstByte"}
	}
	return &LimitError{What: "no response", Limit: l.FirstByte, Key: "firstByte"}
}

// DefaultLimits are far above what Azure needs (some round trips to connect, about 10 ms
// to respond, a second in bad minutes). They are low enough that a dead network costs a
// run only seconds, once (see [cache.Breaker]).
var DefaultLimits = Limits{Connect: 5 * time.Second, FirstByte: 10 * time.Second, Stall: 15 * time.Second}

// How often requests are retried, in every layer that retries.
const (
	// MaxRetries is how often a request is retried on 408, 429, 5xx and broken connections.
	// A request that used up a time limit is not retried.
	MaxRetries = 2
	// MaxRetryDelay is also the longest Retry-After that is obeyed: a server that asks for
	// more has refused.
	MaxRetryDelay = 3 * time.Second
)

// LimitError says which time limit was used up.
type LimitError struct {
	What  string
	Limit time.Duration
	Key   string // in nx.json
	Hint  string // what to check, if known
}

func (e *LimitError) Error() string {
	text := fmt.Sprintf("%s within %s (azure.timeouts.%s in nx.json)", e.What, e.Limit, e.Key)
	if e.Hint == "" {
		return text
	}
	return text + ": " + e.Hint
}

func (*LimitError) Diagnostic() diagnostic.Code { return diagnostic.TimeLimit }

func (e *LimitError) Is(target error) bool { return target == cache.ErrTimeLimit }

// NonRetriable tells azcore's retry policy not to retry.
func (*LimitError) NonRetriable() {}

// limitBehind returns the limit that caused err, or err itself. The transport has a limit
// of its own for connecting, which may expire first.
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

// watchdog cancels a request that makes no progress, until its response begins.
type watchdog struct {
	limit atomic.Pointer[LimitError] // of the current phase
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

// expect starts the limit of the next phase. The transport may report the end of a
// request after its response has begun.
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
