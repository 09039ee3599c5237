package drain

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Result is what drain prints on stdout, for the npm package.
type Result struct {
	// Ended is why the wait is over; see the constants. What the state says of the record
	// (RecordProblem) is independent of it.
	Ended string `json:"ended"`
	// Reason says why the state of the server is unknown, unless the server was silent.
	Reason string `json:"reason,omitempty"`
	// IsLeft is set if the server was ended but still runs.
	IsLeft bool `json:"isLeft,omitempty"`
	rpc.State
}

const (
	endedStored      = "stored"      // nothing is left
	endedGone        = "gone"        // the server had already ended
	endedLimit       = "limit"       // the time is over, and the server was asked to end
	endedSilent      = "silent"      // the server stopped responding, and was ended
	endedInterrupted = "interrupted" // by Ctrl-C; the server continues
	endedUnknown     = "unknown"     // the server publishes no valid state, and continues
)

const (
	// pollEvery is how often the state is read.
	pollEvery = 20 * time.Millisecond
	// stateWithin is how long the first state may take. If the server cannot write it (a
	// full disk), nothing would ever report that nothing is left.
	stateWithin = 2 * time.Second
	// handOverWithin is how long the server may take to notice the end of the run. It makes
	// no record of a hand-over whose message was lost.
	handOverWithin = 2 * time.Second
	// endWithin is how long a server may clean up after it was asked to end.
	endWithin = 3 * time.Second
	// killWithin is how long the system may take to end a killed process.
	killWithin = time.Second
	// silenceAtLimit is the silence after which the server, and not the limit, is the
	// reason for what is not stored. It is many times the interval at which rpc publishes
	// a state.
	silenceAtLimit = time.Second
	// DefaultSilence is the idle timeout of the sessions of rpc.
	DefaultSilence = 15 * time.Second
)

// Limits are the limits of a wait.
type Limits struct {
	Total   time.Duration
	Silence time.Duration // after which the server counts as unresponsive
}

// Wait waits for the server that works in folder.
func Wait(ctx context.Context, folder string, limits Limits, progress *Progress) Result {
	defer progress.live.Clear()
	result := Result{State: rpc.State{ProcessID: -1}}
	server, err := scratch.Visit(folder)
	if errors.Is(err, fs.ErrNotExist) {
		result.Ended = endedGone
		return result
	}
	if err != nil {
		result.Ended, result.Reason = endedUnknown, err.Error()
		return result
	}
	defer server.Close()
	watch := newStopwatch(limits, time.Now)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for result.look(server, 0); result.Ended == ""; result.look(server, watch.ran) {
		if result.Ended = watch.end(&result.State); result.Ended != "" {
			break
		}
		if result.Waiting > 0 || result.Recording {
			progress.show(result.State)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			result.Ended = endedInterrupted
			return result
		}
	}
	hangs := result.Ended == endedSilent && result.Recording
	result.checkRecord()
	// A server that has only the record left keeps to its own time limit.
	if result.Ended == endedLimit || result.Ended == endedSilent || hangs {
		result.IsLeft = !endServer(server, result.ProcessID)
	}
	return result
}

// look reads what the server has published. It sets Ended if there is nothing left to wait
// for.
func (r *Result) look(server *scratch.Visitor, ran time.Duration) {
	alive, err := server.Alive()
	if err != nil {
		r.Ended, r.Reason = endedUnknown, err.Error()
		return
	}
	// A process publishes its own ID, which is also in the name of its folder.
	_, missing := server.Root().Lstat(rpc.HandOverName) // first: the server publishes before it takes the file
	if state, err := rpc.ReadState(server.Root()); err == nil && state.ProcessID == server.ProcessID {
		r.State = state
	}
	// A server that has just started may not have its lock yet.
	isHandedOver := missing == nil && ran < handOverWithin
	switch {
	case r.ProcessID != -1 && r.Waiting == 0 && !r.Recording && !isHandedOver:
		r.Ended = endedStored
	case !alive && !isHandedOver:
		r.Ended = endedGone
	}
}

// checkRecord reports a record that is not stored when the wait ends. If no result is left,
// all results are stored, and the wait was for the record or its beginning.
func (r *Result) checkRecord() {
	why, isEarly := map[string]string{
		endedLimit:  "the time limit azure.timeouts.drain has passed; raise it in nx.json to wait longer",
		endedSilent: "the cache process has stopped responding",
		endedGone:   "the cache process exited first",
	}[r.Ended]
	if isEarly && r.Recording {
		r.RecordProblem = "the record of this run is not stored: " + why
	}
	if isEarly && r.ProcessID != -1 && r.Waiting == 0 {
		r.Ended = endedStored
	}
}

// maxStep is the most that one step of a wait counts. A longer step means that this
// process was stopped, and the server perhaps too.
const maxStep = time.Second

// stopwatch measures how long a wait has lasted, counting only time in which this process
// ran.
type stopwatch struct {
	Limits
	clock *awake.Clock
	beat  uint64        // of the last state
	heard time.Duration // when that was new
	ran   time.Duration // so far
}

func newStopwatch(limits Limits, now func() time.Time) *stopwatch {
	return &stopwatch{Limits: limits, clock: awake.NewClock(maxStep, now)}
}

// end returns why the wait is over, or "" while the wait continues.
func (watch *stopwatch) end(state *rpc.State) string {
	ran := watch.clock.Ran()
	watch.ran = ran
	if state.ProcessID != -1 && state.Beat != watch.beat {
		watch.beat, watch.heard = state.Beat, ran
	}
	silence := ran - watch.heard
	switch {
	case ran >= watch.Total && (state.ProcessID == -1 || silence < silenceAtLimit):
		return endedLimit
	case state.ProcessID == -1 && ran >= stateWithin:
		return endedUnknown
	case state.ProcessID != -1 && (ran >= watch.Total || silence >= watch.Silence):
		return endedSilent
	default:
		return ""
	}
}
