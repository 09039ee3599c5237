package terminal

import (
	"io"
	"os"

	"github.com/mattn/go-isatty"
)

// IsTerminal reports whether out, or what a [Writer] writes to, is a terminal.
func IsTerminal(out io.Writer) bool {
	file, ok := Raw(out).(*os.File)
	return ok && isatty.IsTerminal(file.Fd())
}
