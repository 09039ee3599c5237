package misses

import (
	"fmt"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// progress is a live line on a terminal about work that takes long.
type progress struct {
	live *terminal.LiveLine // nil if stderr is no terminal
	next time.Time
}

const progressEvery = 200 * time.Millisecond

func newProgress(out io.Writer) *progress {
	p := &progress{next: time.Now().Add(terminal.Quiet)}
	if terminal.IsTerminal(out) {
		p.live = terminal.NewLiveLine(out)
	}
	return p
}

func (p *progress) printf(format string, args ...any) {
	if p.live != nil && time.Now().After(p.next) {
		p.next = time.Now().Add(progressEvery)
		p.live.Printf("nx-azure-cache: %s", fmt.Sprintf(format, args...))
	}
}

func (p *progress) clear() {
	if p.live != nil {
		p.live.Clear()
	}
}
