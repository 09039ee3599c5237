package entries

import (
	"fmt"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// progress reports on a long walk: on a terminal in a line that changes, and at the end in
// a line that stays.
type progress struct {
	out      io.Writer
	live     io.Writer // out, for the line that changes
	terminal bool
	next     time.Time // at which the line may change
	shown    bool

	seen, others int // entries, other blobs
	matched      int
	bytes        int64 // of matching entries
}

// progressEvery is how often the line changes.
const progressEvery = 200 * time.Millisecond

func newProgress(out io.Writer) *progress {
	return &progress{out: out, live: terminal.Raw(out), terminal: terminal.IsTerminal(out), next: time.Now().Add(terminal.Quiet)}
}

func (p *progress) see(e *entry, matches bool) {
	p.seen++
	if matches {
		p.matched++
		p.bytes += e.Size
	}
	if p.terminal && p.seen%64 == 0 && time.Now().After(p.next) {
		p.next, p.shown = time.Now().Add(progressEvery), true
		fmt.Fprintf(p.live, "\rnx-azure-cache: %s of %s\x1b[K", terminal.Thousands(p.matched), entryCount(p.seen))
	}
}

func (p *progress) other() { p.others++ }

// clear removes the line that changes.
func (p *progress) clear() {
	if p.shown {
		p.shown = false
		fmt.Fprint(p.live, "\r\x1b[K")
	}
}

// end writes the line that stays.
func (p *progress) end(format string, args ...any) {
	p.clear()
	text := fmt.Sprintf(format, args...)
	if p.others > 0 {
		text += fmt.Sprintf("; ignored %s that this cache did not write", terminal.Count(p.others, "blob", "blobs"))
	}
	_ = terminal.Printf(p.out, "nx-azure-cache: %s", text)
}

// entryCount is such as "1,234 entries".
func entryCount(n int) string { return terminal.Count(n, "entry", "entries") }
