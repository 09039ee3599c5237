// Package awake measures time in which this process was running. A sleeping machine, a
// paused virtual machine, a frozen cgroup or Ctrl-Z must not use up a time limit: when the
// process continues, what it waited for may have arrived already.
//
// A limit passes in steps. A late step counts as one step, however late it is, and it is
// never the last one, so that the process has time to look at what has arrived. The package
// must not know what the time is measured for.
package awake

import (
	"context"
	"sync"
	"time"
)

// Clock counts the time between looks at it. A late look counts like one in time.
type Clock struct {
	now     func() time.Time
	maxStep time.Duration
	last    time.Time
	ran     time.Duration
}

// NewClock returns a clock that starts now. Between two looks, at most maxStep counts, so
// the caller looks more often than that.
func NewClock(maxStep time.Duration, now func() time.Time) *Clock {
	return &Clock{now: now, maxStep: maxStep, last: now()}
}

// Ran looks at the clock, and returns the time that counts so far.
func (c *Clock) Ran() time.Duration {
	now := c.now()
	c.ran += min(now.Sub(c.last), c.maxStep)
	c.last = now
	return c.ran
}

// steps is the number of steps of a limit.
const steps = 10

// Timer calls a function when its time is over. It is safe for concurrent use.
type Timer struct {
	f func() time.Duration

	mu    sync.Mutex
	timer *time.Timer // nil before the first start
	step  time.Duration
	left  int       // steps; 0 if it is stopped
	due   time.Time // when the current step ends
}

// NewTimer returns a timer that is not running. When its time is over, it calls f, which
// must not use the timer, and restarts with the returned time, unless that is 0. Once Reset
// or Stop has returned, no earlier call of f is running or pending.
func NewTimer(f func() (again time.Duration)) *Timer { return &Timer{f: f} }

// Reset restarts the timer.
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
		return // it was just stopped or reset
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

// WithTimeout is [context.WithTimeout] for time in which this process is running. The
// context reports no deadline.
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

// limited is a context whose error is [context.DeadlineExceeded] after its own limit. It
// has its own channel, because derived contexts would otherwise take the error of the
// inner context.
type limited struct {
	context.Context
	done chan struct{}
}

func (l limited) Done() <-chan struct{} { return l.done }

// AfterFunc saves package context a goroutine for each derived context.
func (l limited) AfterFunc(f func()) (stop func() bool) { return context.AfterFunc(l.Context, f) }

func (l limited) Err() error {
	err := l.Context.Err()
	if err != nil && context.Cause(l.Context) == context.DeadlineExceeded {
		return context.DeadlineExceeded
	}
	return err
}
