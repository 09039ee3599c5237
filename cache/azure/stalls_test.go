package azure_test

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
)

// The tasks of a run, and how many results are read at once.
const (
	tasks   = 60
	readers = 4
)

// readAll requests the results of all tasks at once and reads a limited number at a time,
// as package cache does. It returns the outcome of each.
func readAll(t *testing.T, blobs cache.Blobs, want string, begun func()) (outcomes []error) {
	t.Helper()
	outcomes = make([]error, tasks)
	var beginning sync.WaitGroup
	beginning.Add(tasks)
	go func() { beginning.Wait(); begun() }()
	turns := make(chan struct{}, readers)
	var all sync.WaitGroup
	for i := range tasks {
		all.Go(func() {
			blob, err := blobs.Get(t.Context(), fmt.Sprint("task-", i))
			beginning.Done()
			if err != nil {
				outcomes[i] = err
				return
			}
			defer func() { _ = blob.Body.Close() }()
			turns <- struct{}{}
			defer func() { <-turns }()
			content, err := io.ReadAll(blob.Body)
			if err == nil && string(content) != want {
				t.Errorf("got %d bytes, want the %d", len(content), len(want))
			}
			outcomes[i] = err
		})
	}
	all.Wait()
	return outcomes
}

// However many tasks there are, stalled connections delay a run by one limit in total.
// While some connections work, the stalled ones cost no hit.
func TestStallsDoNotAddUp(t *testing.T) {
	content := random(2000)
	within := limits(2 * time.Second)
	for name, test := range map[string]struct {
		stalls func(*rangeRequest, *atomic.Int64) bool
		after  int // bytes of a body
		hits   int // at least
		off    bool
		dies   bool // the server sends nothing after all requests have begun
	}{
		"one bad connection":           {func(_ *rangeRequest, n *atomic.Int64) bool { return n.Add(1) == 20 }, 0, tasks, false, false},
		"one bad connection in a body": {func(_ *rangeRequest, n *atomic.Int64) bool { return n.Add(1) == 20 }, 100, tasks, false, false},
		"half of the first connections": {func(a *rangeRequest, n *atomic.Int64) bool {
			return a.from == 0 && n.Add(1)%2 == 0 && n.Load() <= tasks
		}, 0, tasks, false, false},
		"half of them, in a body":      {func(a *rangeRequest, n *atomic.Int64) bool { return a.from == 0 && n.Add(1)%2 == 0 }, 100, tasks / 4, true, false},
		"all, in a body":               {func(*rangeRequest, *atomic.Int64) bool { return true }, 100, 0, true, false},
		"the whole network, in bodies": {func(*rangeRequest, *atomic.Int64) bool { return true }, 100, 0, true, true},
		"all":                          {func(*rangeRequest, *atomic.Int64) bool { return true }, 0, 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var n atomic.Int64
			var begun atomic.Bool
			s := newBlobServer(t, content, func(a *rangeRequest) bool {
				if test.dies && begun.Load() {
					<-a.r.Context().Done()
					return true
				}
				if !test.stalls(a, &n) {
					return false
				}
				a.stall(content, min(test.after, a.to-a.from))
				return true
			})
			ranges := download.Ranges{First: 4 << 20, Part: 1 << 20, Ahead: 10, Buffers: 12}
			breaker := cache.NewBreaker(s.inRanges(t, ranges, within))
			begin := time.Now()
			hits := 0
			for i, err := range readAll(t, breaker, content, func() { begun.Store(true) }) {
				switch {
				case err == nil:
					hits++
				case !errors.Is(err, cache.ErrTimeLimit) && !errors.Is(err, cache.ErrOff):
					t.Errorf("task %d: got %v", i, err)
				}
			}
			// They may cost one limit, and one more for the last request in progress.
			if took := time.Since(begin); took > 3*within.Stall {
				t.Errorf("it took %s, %.1f limits", took, float64(took)/float64(within.Stall))
			}
			if hits < test.hits {
				t.Errorf("got %d hits, want %d", hits, test.hits)
			}
			_, err := breaker.Get(t.Context(), "task-0")
			if errors.Is(err, cache.ErrOff) != test.off {
				t.Errorf("got %v, want the cache off: %t", err, test.off)
			}
			t.Logf("%d hits in %s, %d requests", hits, time.Since(begin), len(s.seen()))
		})
	}
}

// A body continues if its connection recovers before a second connection sends bytes.
func TestQuietBodyThatContinues(t *testing.T) {
	content := random(2000)
	var asked atomic.Int64
	s := newBlobServer(t, content, func(a *rangeRequest) bool {
		if asked.Add(1) > 1 {
			<-a.r.Context().Done() // no header
			return true
		}
		a.begin(len(content))
		_, _ = io.WriteString(a.w, content[:1000])
		a.flush()
		time.Sleep(ample.Stall / 2)
		_, _ = io.WriteString(a.w, content[1000:])
		return true
	})
	got, err := get(t, s.inRanges(t, download.DefaultRanges, ample), "a")
	if err != nil || got != content {
		t.Errorf("got %d bytes, %v; want the %d", len(got), err, len(content))
	}
	if got := asked.Load(); got < 2 {
		t.Errorf("got %d requests, want a second one while the first is quiet", got)
	}
}

func TestStallsLeaveNothingBehind(t *testing.T) {
	content := random(25000)
	leavesNothing(t, func(t *testing.T) {
		var n atomic.Int64
		s := newBlobServer(t, content, func(a *rangeRequest) bool {
			if n.Add(1)%3 != 0 {
				return false
			}
			a.stall(content, 10)
			return true
		})
		c := s.inRanges(t, small, ample)
		for range 3 {
			_, _ = get(t, c, "a")
		}
		blob, err := c.Get(t.Context(), "a")
		if err != nil {
			t.Fatal(err)
		}
		reading := make(chan error)
		go func() {
			_, err := io.Copy(io.Discard, blob.Body)
			reading <- err
		}()
		time.Sleep(ample.Stall / 3)
		_ = blob.Body.Close()
		<-reading
	})
}
