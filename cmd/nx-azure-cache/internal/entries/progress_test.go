package entries

import (
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// The progress of a long walk is only shown on a terminal.
func TestProgress(t *testing.T) {
	for _, isTerminal := range []bool{false, true} {
		var out strings.Builder
		progress := newProgress(&out)
		progress.terminal, progress.next = isTerminal, time.Time{}
		for i := range 1234 {
			progress.see(&entry{Entry: cache.Entry{Size: 1000}}, i < 2)
		}
		progress.other(azure.Properties{}, false)
		progress.other(azure.Properties{}, true)
		progress.end("%s of %s, %s", terminal.Thousands(progress.matched), entryCount(progress.seen), terminal.Size(progress.bytes))
		changing := "\rnx-azure-cache: 2 of 64 entries\x1b[K" + "\r\x1b[K" // the line changes five times a second
		if !isTerminal {
			changing = ""
		}
		if want := changing + "nx-azure-cache: 2 of 1,234 entries, 2.0 KB; ignored 1 blob that this cache did not write\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := terminal.Thousands(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
