package awake

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// ran starts a timer and returns how long it ran.
func ran(t *testing.T, d time.Duration, meanwhile func(*Timer)) (took time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		over := make(chan struct{})
		timer := NewTimer(func() time.Duration { close(over); return 0 })
		timer.Reset(d)
		meanwhile(timer)
		<-over
		took = time.Since(begin)
	})
	return took
}

func TestTimer(t *testing.T) {
	if took := ran(t, time.Second, func(*Timer) {}); took != time.Second {
		t.Errorf("got %s, want a second", took)
	}
	if took := ran(t, time.Second, func(timer *Timer) { time.Sleep(900 * time.Millisecond); timer.Reset(time.Second) }); took != 1900*time.Millisecond {
		t.Errorf("got %s, want 1.9 s: it was reset", took)
	}
}

// freeze holds the timer's lock for a while, as if this process had been stopped.
func freeze(after, length time.Duration) func(*Timer) {
	return func(timer *Timer) {
		time.Sleep(after)
		timer.mu.Lock()
		// Sleep alone is not enough: synctest's clock stops while a goroutine waits for a
		// mutex.
		timer.due = timer.due.Add(-length)
		timer.mu.Unlock()
	}
}

// A late step counts as one step, and is not the last one.
func TestTimeWhileStoppedDoesNotCount(t *testing.T) {
	for name, after := range map[string]time.Duration{
		"at the beginning": 50 * time.Millisecond, "in the middle": 450 * time.Millisecond, "in the last step": 950 * time.Millisecond,
	} {
		t.Run(name, func(t *testing.T) {
			took := ran(t, time.Second, freeze(after, time.Hour))
			want := time.Second
			if after > 900*time.Millisecond {
				want = 1100 * time.Millisecond // one more step, for events that have arrived meanwhile
			}
			if took != want {
				t.Errorf("got %s, want %s", took, want)
			}
		})
	}
}

func TestTimerIsStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := 0
		timer := NewTimer(func() time.Duration { calls++; return 0 })
		timer.Stop() // it is not started yet
		timer.Reset(time.Second)
		time.Sleep(999 * time.Millisecond)
		timer.Stop()
		time.Sleep(time.Hour)
		synctest.Wait()
		if calls != 0 {
			t.Errorf("got %d calls, want none", calls)
		}
	})
}

func TestTimerContinues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var calls []time.Duration
		timer := NewTimer(func() time.Duration {
			calls = append(calls, time.Since(begin))
			if len(calls) == 2 {
				return 0
			}
			return 2 * time.Second
		})
		timer.Reset(time.Second)
		time.Sleep(time.Hour)
		synctest.Wait()
		if len(calls) != 2 || calls[0] != time.Second || calls[1] != 3*time.Second {
			t.Errorf("got calls after %v, want them after 1 s and 3 s", calls)
		}
	})
}

func TestWithTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		ctx, cancel := WithTimeout(t.Context(), time.Second)
		defer cancel()
		child, cancelChild := context.WithCancel(ctx)
		defer cancelChild()
		<-child.Done()
		if took := time.Since(begin); took != time.Second || !errors.Is(ctx.Err(), context.DeadlineExceeded) || !errors.Is(child.Err(), context.DeadlineExceeded) || context.Cause(child) != context.DeadlineExceeded {
			t.Errorf("got %v, %v, %v after %s", ctx.Err(), child.Err(), context.Cause(child), took)
		}
		ended, cancel := WithTimeout(t.Context(), time.Second)
		cancel()
		if err := ended.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		parent, cancelParent := context.WithCancel(t.Context())
		inner, cancel := WithTimeout(parent, time.Second)
		defer cancel()
		cancelParent()
		if err := inner.Err(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
	})
}

func TestClockCountsALateStepAsOne(t *testing.T) {
	now := time.Now()
	clock := NewClock(time.Second, func() time.Time { return now })
	for i, test := range []struct{ after, want time.Duration }{
		{0, 0},
		{300 * time.Millisecond, 300 * time.Millisecond},
		{time.Hour, 1300 * time.Millisecond},
		{time.Second, 2300 * time.Millisecond},
	} {
		now = now.Add(test.after)
		if got := clock.Ran(); got != test.want {
			t.Errorf("look %d: got %s, want %s", i, got, test.want)
		}
	}
}
