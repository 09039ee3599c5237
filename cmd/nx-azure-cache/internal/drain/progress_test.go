package drain

import (
	"bytes"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// What is not packed yet has no size: the line says nothing of bytes then.
func TestProgressOfResultsThatAreNotPacked(t *testing.T) {
	for _, test := range []struct {
		waiting int
		bytes   int64
		want    string
	}{
		{110, 0, "nx-azure-cache: storing 110 results, 1m0s left\n"},
		{110, -1, "nx-azure-cache: storing 110 results, 1m0s left\n"},
		{110, 1_250_000, "nx-azure-cache: storing 110 results, 1.2 MB on the way, 1m0s left\n"},
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
