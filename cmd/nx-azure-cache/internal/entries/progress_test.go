package entries

import (
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// A walk that takes long is told of on a terminal, and nowhere else.
func TestProgress(t *testing.T) {
	for _, isTerminal := range []bool{false, true} {
		var out strings.Builder
		tally := newProgress(&out)
		tally.terminal, tally.next = isTerminal, time.Time{}
		for i := range 1234 {
			tally.see(&entry{Entry: cache.Entry{Size: 1000}}, i < 2)
		}
		tally.other()
		tally.end("%s of %s, %s", terminal.Thousands(tally.matched), entryCount(tally.seen), terminal.Size(tally.bytes))
		progress := "\rnx-azure-cache: 2 of 64 entries\x1b[K" + "\r\x1b[K" // the line changes five times a second
		if !isTerminal {
			progress = ""
		}
		if want := progress + "nx-azure-cache: 2 of 1,234 entries, 2.0 KB; left out 1 blob that no run has made\n"; out.String() != want {
			t.Errorf("got %q, want %q", out.String(), want)
		}
	}
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := terminal.Thousands(n); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
