package entries

import (
	"fmt"
	"io"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// progress reports on a long walk: with a live line on a terminal, and with a last line
// that stays.
type progress struct {
	out      io.Writer
	terminal bool // whether out is a terminal
	live     *terminal.LiveLine
	next     time.Time // when the live line may change next

	seen, others int // entries, blobs that this cache did not write
	records      TotalLine
	matched      int
	bytes        int64 // of matching entries
}

// progressEvery is how often the live line changes.
const progressEvery = 200 * time.Millisecond

func newProgress(out io.Writer) *progress {
	return &progress{out: out, terminal: terminal.IsTerminal(out), live: terminal.NewLiveLine(out), next: time.Now().Add(terminal.Quiet)}
}

func (p *progress) see(e *entry, matches bool) {
	p.seen++
	if matches {
		p.matched++
		p.bytes += e.Size
	}
	if p.terminal && p.seen%64 == 0 && time.Now().After(p.next) {
		p.next = time.Now().Add(progressEvery)
		p.live.Printf("nx-azure-cache: %s of %s", terminal.Thousands(p.matched), entryCount(p.seen))
	}
}

// other counts a blob that is not an entry.
func (p *progress) other(blob azure.Properties, isRecord bool) {
	if isRecord {
		p.records.add(blob.Size)
	} else {
		p.others++
	}
}

// end replaces the live line by the last line.
func (p *progress) end(format string, args ...any) {
	p.live.Clear()
	text := fmt.Sprintf(format, args...)
	if p.others > 0 {
		text += fmt.Sprintf("; ignored %s that this cache did not write", terminal.Count(p.others, "blob", "blobs"))
	}
	_ = terminal.Printf(p.out, "nx-azure-cache: %s", text)
}

// entryCount returns a number with its noun, such as "1,234 entries".
func entryCount(n int) string { return terminal.Count(n, "entry", "entries") }
