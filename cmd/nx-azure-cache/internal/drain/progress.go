package drain

import (
	"fmt"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Progress reports what is left to store: with a live line on a terminal, elsewhere once.
type Progress struct {
	out      io.Writer
	terminal bool
	live     *terminal.LiveLine
	limit    time.Duration
	started  time.Time
	reported bool // if out is not a terminal
}

// NewProgress returns a report for a wait of at most limit.
func NewProgress(out io.Writer, isTerminal bool, limit time.Duration) *Progress {
	return &Progress{out: out, terminal: isTerminal, live: terminal.NewLiveLine(out), limit: limit, started: time.Now()}
}

func (p *Progress) show(state rpc.State) {
	if time.Since(p.started) < terminal.Quiet || p.reported {
		return
	}
	left := max(p.limit-time.Since(p.started), 0).Round(time.Second)
	text := fmt.Sprintf("nx-azure-cache: storing %s%s, %s left", terminal.Count(state.Waiting, "result", "results"),
		onTheWay(state.Bytes), left)
	if state.Waiting == 0 {
		text = fmt.Sprintf("nx-azure-cache: storing the record of this run, %s left", left)
	}
	if p.terminal {
		p.live.Printf("%s", text)
		return
	}
	p.reported = true
	fmt.Fprintln(p.out, text)
}

// onTheWay says how many bytes are being sent. It omits results that are not packed yet,
// whose sizes are unknown.
func onTheWay(bytes int64) string {
	if bytes <= 0 {
		return ""
	}
	return fmt.Sprintf(", %s on the way", terminal.Size(bytes))
}
