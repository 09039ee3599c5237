package snapshot

import (
	"math/rand/v2"
	"testing"
	"time"
)

// simulation is a machine and its file system, whose clock ticks, sometimes late, and may
// be that of another machine.
type simulation struct {
	now                 time.Time
	tick, ahead, access time.Duration
	random              *rand.Rand
	coarse              time.Time // the last time that its clock has shown
}

func (s *simulation) pass(most time.Duration) {
	s.now = s.now.Add(time.Duration(s.random.Int64N(int64(most) + 1)))
}

func (s *simulation) stamp() time.Time {
	now := s.now.Add(s.ahead)
	isLate := now.Sub(s.coarse) < 3*s.tick && s.random.IntN(2) == 0
	if !isLate {
		s.coarse = now.Truncate(s.tick)
	}
	return s.coarse
}

// read reads the clock of the file system.
func (s *simulation) read(t *testing.T) Clock {
	t.Helper()
	c, err := watchClock(
		func() time.Time { return s.now },
		func(d time.Duration) { s.now = s.now.Add(d); s.pass(s.access) },
		func() (time.Time, error) {
			s.pass(s.access)
			stamp := s.stamp()
			s.pass(s.access)
			return stamp, nil
		})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Whatever the clocks do, files that Nx wrote before the call never count as changes.
// Changes some milliseconds after the call always do.
func TestAsOf(t *testing.T) {
	for _, tick := range []time.Duration{1, time.Microsecond, time.Millisecond, 4 * time.Millisecond, 10 * time.Millisecond} {
		for _, ahead := range []time.Duration{0, 3 * time.Millisecond, -3 * time.Millisecond, time.Hour, -time.Hour} {
			for _, access := range []time.Duration{time.Microsecond, 100 * time.Microsecond, 2 * time.Millisecond} {
				for seed := range uint64(200) {
					s := &simulation{now: time.Unix(1_790_000_000, 0), tick: tick, ahead: ahead, access: access, random: rand.New(rand.NewPCG(seed, 0))}
					s.pass(time.Second)
					written := s.stamp() // the last write of Nx
					s.pass(time.Millisecond)
					called := s.now
					seen := Snapshot{Time: called.Truncate(time.Millisecond), IsThere: true, Changed: written.Add(-time.Second)}
					s.pass(50 * time.Millisecond)
					accepted := s.now
					c := s.read(t)
					asOf := c.AsOf(seen)
					if written.After(asOf) {
						t.Fatalf("tick %v, ahead %v, access %v, seed %d: a whole result of %v counts as changed after %v", tick, ahead, access, seed, written, asOf)
					}
					if asOf.After(c.Now) {
						t.Fatalf("tick %v, ahead %v, access %v, seed %d: %v is after the acceptance", tick, ahead, access, seed, asOf)
					}
					noticed := called.Add(callSlack() + 4*tick + 5*access + maxTick/20)
					if s.now = noticed; noticed.Before(accepted) && !s.stamp().After(asOf) {
						t.Fatalf("tick %v, ahead %v, access %v, seed %d: a change %v after the call is not detected", tick, ahead, access, seed, noticed.Sub(called))
					}
				}
			}
		}
	}
}

// A clock that stands still, as FAT's does for two seconds, cannot tell the time of the
// call.
func TestAsOfAStoppedClock(t *testing.T) {
	s := &simulation{now: time.Unix(1_790_000_000, 0), tick: 2 * time.Second, access: time.Millisecond, random: rand.New(rand.NewPCG(1, 0))}
	c := s.read(t)
	if seen := (Snapshot{Time: s.now.Add(-time.Second), IsThere: true}); c.isCompared || !c.AsOf(seen).Equal(c.Now) {
		t.Errorf("got %v of %+v, want its time", c.AsOf(seen), c)
	}
}
