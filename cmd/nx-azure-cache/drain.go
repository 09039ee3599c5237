package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog/diode"
	"github.com/spf13/cobra"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// drainResult is what drain prints on stdout, for the npm package.
type drainResult struct {
	// Ended is why there is no more to wait for: see the constants.
	Ended string `json:"ended"`
	// Reason says why nothing is known, where it is not the server's silence.
	Reason string `json:"reason,omitempty"`
	rpc.State
}

const (
	endedStored      = "stored"      // nothing is left
	endedGone        = "gone"        // the server has ended before
	endedLimit       = "limit"       // the time is over, the server is told to end
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
)

func newDrain(w world) *cobra.Command {
	var folder string
	var limit time.Duration
	command := &cobra.Command{
		Use:   "drain --folder FOLDER [--limit TIME]",
		Short: "Wait until a server has stored what it has accepted",
		Long: `Wait until a server has stored what it has accepted. The npm package runs this at
the end of a run of Nx, when it cannot talk to the server any more; there is no
need to run it by hand.

FOLDER is <cacheDirectory>/.nx-azure-cache/<session>, in which the server
publishes its state. When the time is over, the server is told to end. What is
left is shown on stderr, the result printed as JSON on stdout.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt)
			defer stop()
			// A stderr that is full must not hold up who keeps the limit.
			stderr := diode.NewWriter(console{terminal.Raw(w.stderr)}, logLines, 0, nil)
			result := drain(ctx, folder, limit, newProgress(stderr, isTerminal(w.stderr), limit))
			_ = closeWithin(stderr, quiet)
			return terminal.JSON(w.stdout, result, "")
		},
	}
	command.Flags().StringVar(&folder, "folder", "", "the server's folder")
	command.Flags().DurationVar(&limit, "limit", defaultDrain, "how long to wait at most")
	_ = command.MarkFlagRequired("folder") // it exists
	return command
}

// drain waits for the server that works in folder.
func drain(ctx context.Context, folder string, limit time.Duration, progress *progress) drainResult {
	defer progress.clear()
	over, noState := time.After(limit), time.After(stateWithin)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	result := drainResult{State: rpc.State{ProcessID: -1}}
	server, err := cache.Visit(folder)
	if errors.Is(err, fs.ErrNotExist) {
		result.Ended = endedGone
		return result
	}
	if err != nil {
		result.Ended, result.Reason = endedUnknown, err.Error()
		return result
	}
	defer server.Close()
	for {
		alive, err := server.Alive()
		if err != nil {
			result.Ended, result.Reason = endedUnknown, err.Error()
			return result
		}
		// A process publishes its own ID, which the name of its folder has, too.
		if state, err := rpc.ReadState(server.Root()); err == nil && state.ProcessID == server.ProcessID {
			result.State = state
		}
		switch {
		case result.ProcessID != -1 && result.Waiting == 0:
			result.Ended = endedStored
			return result
		case !alive:
			result.Ended = endedGone
			return result
		}
		if result.ProcessID != -1 {
			noState = nil // never comes
			progress.show(result.State)
		}
		select {
		case <-tick.C:
		case <-noState:
			result.Ended = endedUnknown
			return result
		case <-over:
			result.Ended = endedLimit
			end(server, result.ProcessID)
			return result
		case <-ctx.Done():
			result.Ended = endedInterrupted
			return result
		}
	}
}

// end ends the server that has published its ID. Its lock says that it is still
// that process. A process of another user is never ended.
func end(server *cache.Visitor, processID int) {
	if processID <= 0 {
		return
	}
	process, err := os.FindProcess(processID)
	if err != nil {
		return
	}
	// First the process, then whose it is: the ID may be another's meanwhile.
	if !isAlive(server) || !isOwn(processID) {
		return
	}
	_ = askToEnd(process)
	for deadline := time.Now().Add(endWithin); isAlive(server); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			_ = process.Kill()
			return
		}
	}
}

func isAlive(server *cache.Visitor) bool {
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

func isTerminal(out io.Writer) bool {
	file, ok := terminal.Raw(out).(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}

func (p *progress) show(state rpc.State) {
	if time.Since(p.started) < quiet || p.shown && !p.terminal {
		return
	}
	p.shown = true
	text := fmt.Sprintf("nx-azure-cache: storing %s%s, %s left", count(state.Waiting, "result"),
		onTheWay(state.Bytes), (p.limit - time.Since(p.started)).Round(time.Second))
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
	return fmt.Sprintf(", %s on the way", size(bytes))
}

// clear removes the line that changes.
func (p *progress) clear() {
	if p.shown && p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// size is such as "1.2 MB".
func size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	default:
		return fmt.Sprintf("%.1f KB", float64(bytes)/1e3)
	}
}
