package drain

import (
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// A wait counts only the time in which it runs, so a sleeping machine does not end it.
func TestWait(t *testing.T) {
	limits := Limits{Total: time.Minute, Silence: 10 * time.Second}
	type step struct {
		after time.Duration
		beat  uint64 // 0 means no state
		want  string
	}
	steps := func(n int, s step) []step {
		all := make([]step, n)
		for i := range all {
			all[i] = s
		}
		return all
	}
	beating := func(n int, every time.Duration) (all []step) {
		for i := range n {
			all = append(all, step{after: every, beat: uint64(i + 1)})
		}
		return all
	}
	for name, all := range map[string][]step{
		"a server that works":                    append(beating(59, time.Second), step{time.Second, 60, endedLimit}),
		"no state":                               append(steps(1, step{time.Second, 0, ""}), step{time.Second, 0, endedUnknown}),
		"silence from the beginning":             append(steps(10, step{time.Second, 1, ""}), step{time.Second, 1, endedSilent}),
		"silence after work":                     append(beating(5, time.Second), append(steps(9, step{time.Second, 5, ""}), step{time.Second, 5, endedSilent})...),
		"silence at the limit":                   append(beating(57, time.Second), step{time.Second, 57, ""}, step{time.Second, 57, ""}, step{time.Second, 57, endedSilent}),
		"a machine that sleeps":                  append(steps(5, step{time.Hour, 3, ""}), beating(10, time.Hour)...),
		"a machine that sleeps most of the time": append(beating(59, time.Hour), step{time.Hour, 60, endedLimit}),
		"a server that sleeps and wakes up":      append(steps(9, step{time.Second, 7, ""}), append(steps(9, step{time.Second, 8, ""}), beating(5, time.Second)...)...),
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			watch := newStopwatch(limits, func() time.Time { return now })
			for i, step := range all {
				now = now.Add(step.after)
				state := rpc.State{ProcessID: 4711, Beat: step.beat}
				if step.beat == 0 {
					state.ProcessID = -1
				}
				if got := watch.end(&state); got != step.want {
					t.Fatalf("step %d: got %q, want %q", i, got, step.want)
				}
			}
		})
	}
	watch := newStopwatch(Limits{}, time.Now)
	if got := watch.end(&rpc.State{ProcessID: 4711, Beat: 1}); got != endedLimit {
		t.Errorf("no time: got %q, want the limit", got)
	}
}
