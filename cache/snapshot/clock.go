package snapshot

import (
	"os"
	"runtime"
	"time"
)

// maxTick is the longest tick of a file system's clock that [ReadClock] waits for: the tick
// of Windows.
const maxTick = 20 * time.Millisecond

// Clock is a reading of the clock of a file system.
type Clock struct {
	// Now is not before any timestamp of earlier changes, and before all timestamps of
	// later changes.
	Now time.Time
	// ahead is the maximum, up to one tick, by which the file system's clock is ahead of
	// this machine's clock. It is known only if isCompared.
	ahead      time.Duration
	isCompared bool
}

// ReadClock reads the clock of a file system by writing to a file on it, and waits until a
// change gets a later timestamp. Everything that Nx has written before has a timestamp up
// to that reading, and all later changes have a later one.
//
// Linux before 6.13 uses a clock that ticks every 1 to 10 ms. Since 6.13 there is no wait:
// once a timestamp was read, the next one is finer, and later ones, of any file, are not
// before it (docs.kernel.org/filesystems/multigrain-ts.html).
func ReadClock(f *os.File) (Clock, error) {
	return watchClock(time.Now, time.Sleep, func() (time.Time, error) {
		if _, err := f.Write([]byte{'\n'}); err != nil {
			return time.Time{}, err
		}
		info, err := f.Stat()
		if err != nil {
			return time.Time{}, err
		}
		return info.ModTime(), nil
	})
}

// watchClock reads timestamps until they advance.
func watchClock(now func() time.Time, sleep func(time.Duration), stamp func() (time.Time, error)) (c Clock, err error) {
	before := now()
	if c.Now, err = stamp(); err != nil {
		return c, err
	}
	for end := before.Add(maxTick); now().Before(end); sleep(maxTick / 40) {
		looked := now()
		stamped, err := stamp()
		if err != nil {
			return c, err
		}
		if stamped.After(c.Now) {
			// At the previous reading, the file system's clock was not after this timestamp,
			// and this machine's clock was not before the time that was read just before.
			c.ahead, c.isCompared = wall(stamped).Sub(wall(before)), true
			return c, nil
		}
		before = looked
	}
	return c, nil
}

// wall removes the monotonic reading, which is meaningless to other processes.
func wall(t time.Time) time.Time { return t.Round(0) }

// callSlack is how much later than a call the timestamps of earlier changes may seem to be:
// JavaScript counts whole milliseconds, and a tick of at most 10 ms that comes late on a
// busy machine makes the file system's clock seem to lag. On Windows, the clocks of
// programs tick, too.
func callSlack() time.Duration {
	if runtime.GOOS == "windows" {
		return 50 * time.Millisecond
	}
	return 11 * time.Millisecond
}

// AsOf returns the time, on the file system's clock, up to which changes belong to the
// result that was handed over at a snapshot. It is never before the timestamps of what Nx
// wrote before its call, even if the clock ticks or belongs to another machine, as on a
// network file system. It is as early as that allows: a little more than 11 ms after the
// call.
func (c Clock) AsOf(s Snapshot) time.Time {
	if !c.isCompared || s.Time.IsZero() {
		return c.Now
	}
	called := wall(s.Time).Add(callSlack() + c.ahead)
	if called.Before(s.Changed) {
		called = s.Changed // the folder had this time at the call
	}
	if called.After(c.Now) {
		return c.Now
	}
	return called
}
