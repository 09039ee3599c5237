package report

import (
	"bytes"
	"strings"
	"testing"
)

func TestDoctorOutputOnATerminal(t *testing.T) {
	var out bytes.Buffer
	r := Report{Run: &Run{}, Identity: &Identity{}, Checks: []Check{
		{Check: "a", Status: Enforced, Seen: "1"}, {Check: "bb", Status: Exposed, Seen: "2", Fix: "c"},
		{Check: "d", Status: Unknown, Seen: "3"}, {Check: "e", Status: Missing, Seen: "4", Fix: "f"}, {Check: "g", Status: Allowed, Seen: "5", Fix: "c"},
	}}
	if err := r.Print(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✓ enforced  a   1\n", "✗ exposed   bb  2 [1]\n", "? unknown   d   3\n", "✗ missing   e   4 [2]\n", "✓ allowed   g   5 [1]\n", "\n  [1] c\n  [2] f\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s, want %q", out.String(), want)
		}
	}
}
