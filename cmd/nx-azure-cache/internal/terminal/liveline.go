package terminal

import (
	"fmt"
	"io"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// LiveLine is a line on a terminal that changes while work goes on. It writes past a
// [Writer], which would escape its control characters.
type LiveLine struct {
	out   io.Writer
	shown bool
}

// NewLiveLine returns a line on out, which must be a terminal before Printf is called.
func NewLiveLine(out io.Writer) *LiveLine { return &LiveLine{out: Raw(out)} }

// Printf shows the line, or replaces it. A line end in a value is escaped.
func (l *LiveLine) Printf(format string, args ...any) {
	l.shown = true
	_, _ = fmt.Fprintf(l.out, "\r%s\x1b[K", printable.String(fmt.Sprintf(format, args...)))
}

// Clear removes the line if it is shown.
func (l *LiveLine) Clear() {
	if l.shown {
		l.shown = false
		_, _ = io.WriteString(l.out, "\r\x1b[K")
	}
}
