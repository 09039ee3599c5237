package snapshot

import (
	"os"
	"runtime"
	"time"
)

// maxTick is the longest tick of a file system's clock that is waited for: that
// of Windows.
const maxTick = 20 * time.Millisecond

// Clock is what was seen of the clock of a file system.
type Clock struct {
	// Now is a time of it at which everything that happened before has its stamp, and
	// after which everything that happens from now on will be stamped.
	Now time.Time
	// ahead is the most by which it may be ahead of this machine's clock, but for one tick;
	// !isCompared where that could not be found out.
	ahead      time.Duration
	isCompared bool
}

// ReadClock reads the clock of a file system, and waits until a change in it is
// stamped later. What Nx has written before has no later stamp than that; whatever
// changes from now on does. It writes to a file, which is empty.
//
// Linux before 6.13 stamps with a clock that ticks every 1 to 10 ms. Since then
// nothing is waited for: after a stamp was looked at, the next one is finer, and
// those that follow, of whatever file, are not before it
// (docs.kernel.org/filesystems/multigrain-ts.html).
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

// watchClock looks at stamps until they move on.
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
			// At the look before this one the file system's clock was before this stamp, or
			// in its tick, and this machine's at least at the time that was read before it.
			c.ahead, c.isCompared = wall(stamped).Sub(wall(before)), true
			return c, nil
		}
		before = looked
	}
	return c, nil
}

// wall is a time without its monotonic reading, which no other process has.
func wall(t time.Time) time.Time { return t.Round(0) }

// callSlack is by how much the stamps of what was there at a call may be after its time:
// JavaScript counts whole milliseconds, and a tick of at most 10 ms that comes late on a
// busy machine makes the file system's clock seem to be behind. On Windows the clocks of
// programs tick, too.
func callSlack() time.Duration {
	if runtime.GOOS == "windows" {
		return 50 * time.Millisecond
	}
	return 11 * time.Millisecond
}

// AsOf is the time, of the file system's clock, up to which a result may have changed
// that was handed over at a snapshot. It is never before the stamp of what Nx wrote
// before it called, also where the clock ticks or is another machine's, as on a
// network file system. It is as early as that allows: 11 ms after the call, and some more.
func (c Clock) AsOf(s Snapshot) time.Time {
	if !c.isCompared || s.Time.IsZero() {
		return c.Now
	}
	called := wall(s.Time).Add(callSlack() + c.ahead)
	if called.Before(s.Changed) {
		called = s.Changed // which was there then
	}
	if called.After(c.Now) {
		return c.Now
	}
	return called
}
