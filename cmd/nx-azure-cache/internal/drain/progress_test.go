package drain

import (
	"bytes"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// Results that are not packed yet have no size, so the line names no bytes.
func TestProgressOfUnpackedResults(t *testing.T) {
	for _, test := range []struct {
		waiting int
		bytes   int64
		want    string
	}{
		{110, 0, "nx-azure-cache: storing 110 results, 1m0s left\n"},
		{110, -1, "nx-azure-cache: storing 110 results, 1m0s left\n"},
		{110, 1_250_000, "nx-azure-cache: storing 110 results, 1.3 MB on the way, 1m0s left\n"},
		{1, 2_000, "nx-azure-cache: storing 1 result, 2.0 KB on the way, 1m0s left\n"},
	} {
		var out bytes.Buffer
		p := NewProgress(&out, false, time.Minute+terminal.Quiet)
		p.started = time.Now().Add(-terminal.Quiet)
		p.show(rpc.State{Waiting: test.waiting, Bytes: test.bytes})
		if got := out.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

// On a terminal, the line changes. Elsewhere, Progress writes one line, because a log
// would contain hundreds.
func TestProgressIsOneLine(t *testing.T) {
	for isTerminal, want := range map[bool]string{
		false: "nx-azure-cache: storing 2 results, 1m0s left\n",
		true:  "\rnx-azure-cache: storing 2 results, 1m0s left\x1b[K" + "\rnx-azure-cache: storing 1 result, 1m0s left\x1b[K" + "\r\x1b[K",
	} {
		var out bytes.Buffer
		p := NewProgress(&out, isTerminal, time.Minute+terminal.Quiet)
		p.show(rpc.State{Waiting: 3}) // too early
		p.started = time.Now().Add(-terminal.Quiet)
		p.show(rpc.State{Waiting: 2})
		p.show(rpc.State{Waiting: 1})
		p.live.Clear()
		if got := out.String(); got != want {
			t.Errorf("on a terminal: %v: got %q, want %q", isTerminal, got, want)
		}
	}
}
