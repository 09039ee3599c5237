package drain

import (
	"fmt"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Progress reports what is left: on a terminal in a line that changes, elsewhere in one
// line.
type Progress struct {
	out      io.Writer
	limit    time.Duration
	started  time.Time
	terminal bool
	shown    bool
}

func NewProgress(out io.Writer, terminal bool, limit time.Duration) *Progress {
	return &Progress{out: out, limit: limit, started: time.Now(), terminal: terminal}
}

func (p *Progress) show(state rpc.State) {
	if time.Since(p.started) < terminal.Quiet || p.shown && !p.terminal {
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

// onTheWay says how many bytes are being sent. Results that are not packed yet have no
// size, so it is never all of them.
func onTheWay(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf(", %s on the way", terminal.Size(bytes))
}

// clear removes the line that changes.
func (p *Progress) clear() {
	if p.shown && p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
