package terminal_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

func TestLiveLine(t *testing.T) {
	var out strings.Builder
	line := terminal.NewLiveLine(terminal.NewWriter(&out))
	line.Clear() // nothing to remove
	line.Printf("%d of %s", 1, "2\n\x1b[2K")
	line.Printf("2 of 2")
	line.Clear()
	line.Clear()
	if want := "\r" + `1 of 2\n\x1b[2K` + "\x1b[K" + "\r2 of 2\x1b[K" + "\r\x1b[K"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
