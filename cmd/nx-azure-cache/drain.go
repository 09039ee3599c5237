package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime"
	"time"

	"github.com/rs/zerolog/diode"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache/awake"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// drainResult is what drain prints on stdout, for the npm package.
type drainResult struct {
	// Ended is why there is no more to wait for: see the constants.
	Ended string `json:"ended"`
	// Reason says why nothing is known, where it is not the server's silence.
	Reason string `json:"reason,omitempty"`
	// IsLeft is set where the server was ended, and still runs.
	IsLeft bool `json:"isLeft,omitempty"`
	rpc.State
}

const (
	endedStored      = "stored"      // nothing is left
	endedGone        = "gone"        // the server has ended before
	endedLimit       = "limit"       // the time is over, the server is told to end
	endedSilent      = "silent"      // the server has stopped responding, and was ended
	endedInterrupted = "interrupted" // by Ctrl-C; the server goes on
	endedUnknown     = "unknown"     // the server publishes nothing that counts; it goes on
)

const (
	// pollEvery is how often the state is looked at.
	pollEvery = 20 * time.Millisecond
	// quiet is how long a wait may be that nobody is told of.
	quiet = time.Second
	// stateWithin is how long the first state may take. Where the server cannot
	// write it (a full disk), nothing would ever say that nothing is left.
	stateWithin = 2 * time.Second
	// endWithin is how long a server that is told to end may take to clean up.
	endWithin = 3 * time.Second
	// killWithin is how long the system may take to end a process that is killed.
	killWithin = time.Second
	// silenceAtLimit is the silence after which the server, and not the limit, is to
	// blame for what is not stored. It is many times what rpc publishes a state in.
	silenceAtLimit = time.Second
	// defaultSilence is that of the sessions of rpc.
	defaultSilence = 15 * time.Second
)

// limits of a wait.
type limits struct {
	all     time.Duration
	silence time.Duration // of the server, after which it does not respond any more
}

func newDrain(w world) *cobra.Command {
	var folder string
	var most limits
	var parent int
	command := &cobra.Command{
		Use:   "drain --folder FOLDER [--limit TIME] [--silence TIME] [--parent ID]",
		Short: "Wait until a server has stored what it has accepted",
		Long: `Wait until a server has stored what it has accepted. The npm package runs this at
the end of a run of Nx, when it cannot talk to the server any more; there is no
need to run it by hand.

FOLDER is <cacheDirectory>/.nx-azure-cache/<session>, in which the server
publishes its state. When the time is over, or the server has published nothing for
the time of --silence, it is told to end, and killed if it does not. What is left is
shown on stderr, the result printed as JSON on stdout. When the process that has
started this one is gone, it ends and prints nothing; --parent says which that is, in
case it is gone already.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			// A stderr that is full must not hold up who keeps the limit.
			stderr := diode.NewWriter(console{terminal.Raw(w.stderr)}, logLines, 0, nil)
			ctx, release := untilOrphaned(ctx, cmp.Or(parent, os.Getppid()))
			defer release()
			result := drain(ctx, folder, most, newProgress(stderr, terminal.IsTerminal(w.stderr), most.all))
			_ = closeWithin(stderr, quiet)
			if errors.Is(context.Cause(ctx), errOrphaned) {
				return nil // it was ended by a signal, and wants to hear nothing
			}
			return terminal.JSON(w.stdout, result, "")
		},
	}
	command.Flags().StringVar(&folder, "folder", "", "the server's folder")
	command.Flags().DurationVar(&most.all, "limit", config.DefaultDrain, "how long to wait at most")
	command.Flags().DurationVar(&most.silence, "silence", defaultSilence, "how long the server may publish nothing")
	command.Flags().IntVar(&parent, "parent", 0, "the process ID of who waits for this one (default: of who has started it)")
	_ = command.MarkFlagRequired("folder") // it exists
	return command
}

// errOrphaned says that the process that waits for drain is gone.
var errOrphaned = errors.New("the parent is gone")

// untilOrphaned returns a context that ends when parent is not the parent of this process
// any more, as far as the system tells: Windows does not.
func untilOrphaned(ctx context.Context, parent int) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if runtime.GOOS != "windows" {
		go func() {
			for ; ctx.Err() == nil; time.Sleep(pollEvery) {
				if os.Getppid() != parent {
					cancel(errOrphaned)
				}
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}

// drain waits for the server that works in folder.
func drain(ctx context.Context, folder string, most limits, progress *progress) drainResult {
	defer progress.clear()
	result := drainResult{State: rpc.State{ProcessID: -1}}
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
	wait := newWait(most, time.Now)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for result.look(server); result.Ended == ""; result.look(server) {
		if result.Ended = wait.end(&result.State); result.Ended != "" {
			break
		}
		if result.ProcessID != -1 {
			progress.show(result.State)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			result.Ended = endedInterrupted
			return result
		}
	}
	if result.Ended == endedLimit || result.Ended == endedSilent {
		result.IsLeft = !end(server, result.ProcessID)
	}
	return result
}

// look reads what the server has published. It sets Ended where nothing is left to
// wait for.
func (r *drainResult) look(server *scratch.Visitor) {
	alive, err := server.Alive()
	if err != nil {
		r.Ended, r.Reason = endedUnknown, err.Error()
		return
	}
	// A process publishes its own ID, which the name of its folder has, too.
	if state, err := rpc.ReadState(server.Root()); err == nil && state.ProcessID == server.ProcessID {
		r.State = state
	}
	switch {
	case r.ProcessID != -1 && r.Waiting == 0:
		r.Ended = endedStored
	case !alive:
		r.Ended = endedGone
	}
}

// maxStep is the most that one step of a wait counts. A longer one says that this
// process was stopped, and the server perhaps with it.
const maxStep = time.Second

// wait is how long a wait has lasted, in time in which this process ran.
type wait struct {
	limits
	clock *awake.Clock
	beat  uint64        // of the last state
	heard time.Duration // when that was new
}

func newWait(most limits, now func() time.Time) *wait {
	return &wait{limits: most, clock: awake.NewClock(maxStep, now)}
}

// end returns why the wait is over, or "" while it is not.
func (w *wait) end(state *rpc.State) string {
	ran := w.clock.Ran()
	if state.ProcessID != -1 && state.Beat != w.beat {
		w.beat, w.heard = state.Beat, ran
	}
	silence := ran - w.heard
	switch {
	case ran >= w.all && (state.ProcessID == -1 || silence < silenceAtLimit):
		return endedLimit
	case state.ProcessID == -1 && ran >= stateWithin:
		return endedUnknown
	case state.ProcessID != -1 && (ran >= w.all || silence >= w.silence):
		return endedSilent
	default:
		return ""
	}
}

// end ends the server that has published its ID, and reports whether it is gone. Its
// lock says that it is still that process. A process of another user is never ended.
func end(server *scratch.Visitor, processID int) bool {
	if processID <= 0 {
		return !isAlive(server)
	}
	process, err := os.FindProcess(processID)
	if err != nil {
		return !isAlive(server)
	}
	// First the process, then whose it is: the ID may be another's meanwhile.
	if !isAlive(server) || !isOwn(processID) {
		return !isAlive(server)
	}
	_ = askToEnd(process)
	if isGoneWithin(server, endWithin) {
		return true
	}
	_ = process.Kill()
	return isGoneWithin(server, killWithin)
}

func isGoneWithin(server *scratch.Visitor, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); isAlive(server); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func isAlive(server *scratch.Visitor) bool {
	alive, err := server.Alive()
	return alive && err == nil
}

// progress tells what is left: on a terminal in a line that changes, elsewhere
// in one line.
type progress struct {
	out      io.Writer
	limit    time.Duration
	started  time.Time
	terminal bool
	shown    bool
}

func newProgress(out io.Writer, terminal bool, limit time.Duration) *progress {
	return &progress{out: out, limit: limit, started: time.Now(), terminal: terminal}
}

func (p *progress) show(state rpc.State) {
	if time.Since(p.started) < quiet || p.shown && !p.terminal {
		return
	}
	p.shown = true
	text := fmt.Sprintf("nx-azure-cache: storing %s%s, %s left", terminal.Count(state.Waiting, "result", "results"),
		onTheWay(state.Bytes), max(p.limit-time.Since(p.started), 0).Round(time.Second))
	if p.terminal {
		fmt.Fprintf(p.out, "\r%s\x1b[K", text)
	} else {
		fmt.Fprintln(p.out, text)
	}
}

// onTheWay says how much is being sent. The results that are not packed yet have no
// size, so that it is never all of them.
func onTheWay(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf(", %s on the way", terminal.Size(bytes))
}

// clear removes the line that changes.
func (p *progress) clear() {
	if p.shown && p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
