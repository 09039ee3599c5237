// Package awake measures time in which this process ran. A machine that slept, a
// virtual machine that was paused, a frozen cgroup or Ctrl-Z must not use up a time
// limit: when the process goes on, what it waited for may be there already.
//
// A limit passes in steps. A step that comes late counts as one, however late it is,
// and it is never the last one: after it there is time to look at what has come.
package awake

import (
	"context"
	"sync"
	"time"
)

// Clock counts the time between looks at it. A look that comes late counts as one that
// came in time.
type Clock struct {
	now     func() time.Time
	maxStep time.Duration
	last    time.Time
	ran     time.Duration
}

// NewClock returns a clock that starts now. It is looked at more often than every
// maxStep, which is the most that counts between two looks.
func NewClock(maxStep time.Duration, now func() time.Time) *Clock {
	return &Clock{now: now, maxStep: maxStep, last: now()}
}

// Ran looks at the clock, and returns the time that counts.
func (c *Clock) Ran() time.Duration {
	now := c.now()
	c.ran += min(now.Sub(c.last), c.maxStep)
	c.last = now
	return c.ran
}

// steps are those of a limit.
const steps = 10

// Timer calls a function when its time is over. It is safe for concurrent use.
type Timer struct {
	f func() time.Duration

	mu    sync.Mutex
	timer *time.Timer // nil until it is needed
	step  time.Duration
	left  int       // steps; 0: it is stopped
	due   time.Time // when the current step ends
}

// NewTimer returns a timer that is not running. Its function must not use it; what
// that returns is the time until it is called again, 0 is never. Once Reset or Stop
// has returned, no earlier call of it is running or to come.
func NewTimer(f func() (again time.Duration)) *Timer { return &Timer{f: f} }

// Reset starts the timer anew.
func (t *Timer) Reset(d time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start(d)
}

func (t *Timer) start(d time.Duration) {
	t.step, t.left = d/steps, steps
	t.next(time.Now())
}

// next begins a step.
func (t *Timer) next(now time.Time) {
	t.due = now.Add(t.step)
	if t.timer == nil {
		t.timer = time.AfterFunc(t.step, t.tick)
	} else {
		t.timer.Reset(t.step)
	}
}

// Stop stops the timer.
func (t *Timer) Stop() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.left = 0
	if t.timer != nil {
		t.timer.Stop()
	}
}

// tick ends a step.
func (t *Timer) tick() {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	if t.left == 0 || now.Before(t.due) {
		return // it was stopped, or reset, in this very moment
	}
	isLate := now.Sub(t.due) > t.step
	if t.left > 1 || !isLate {
		t.left--
	}
	if t.left > 0 {
		t.next(now)
	} else if again := t.f(); again > 0 {
		t.start(again)
	}
}

// WithTimeout is [context.WithTimeout] for time in which this process ran. The
// context has no deadline to be asked for.
func WithTimeout(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(ctx)
	timer := NewTimer(func() time.Duration {
		cancel(context.DeadlineExceeded)
		return 0
	})
	timer.Reset(d)
	l := limited{inner, make(chan struct{})}
	context.AfterFunc(inner, func() { close(l.done) })
	return l, func() {
		timer.Stop()
		cancel(context.Canceled)
	}
}

// limited is a context whose error is its cause, where that is its own limit. It has a
// channel of its own: those that are derived from it would take over the error of the
// inner one else.
type limited struct {
	context.Context
	done chan struct{}
}

func (l limited) Done() <-chan struct{} { return l.done }

// AfterFunc spares package context a goroutine for each context that is derived.
func (l limited) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(l.Context, f) }

func (l limited) Err() error {
	err := l.Context.Err()
	if err != nil && context.Cause(l.Context) == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}
