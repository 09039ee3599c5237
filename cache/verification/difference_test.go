package verification

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func TestLine(t *testing.T) {
	stored := trust.Provenance{Run: "https://ci/1", Time: time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)}
	files := []manifest.Difference{{Name: "a", What: manifest.Content}, {Name: "b", What: manifest.Missing}, {Name: "c", What: manifest.Extra}, {Name: "d", What: manifest.Mode}}
	const end = ": the task's outputs are not reproducible, or someone planted the entry; inspect it with npx nx-azure-cache inspect 123, delete it with npx nx-azure-cache evict --hash 123"
	for _, test := range []struct {
		d    Difference
		want string
	}{
		{
			Difference{Hash: "123", Task: "shop:build", Files: files[:1], Stored: stored, Run: "https://ci/2"},
			"the result 123 of shop:build differs from its stored entry: a (content); https://ci/1 stored it at 2026-11-30T12:00:00Z, https://ci/2 made another result",
		},
		{
			Difference{Hash: "123", Files: files},
			"the result 123 differs from its stored entry: a (content), b (only stored), c (only made now), and 1 more; an unknown run stored it at an unknown time, this run made another result",
		},
		{
			Difference{Hash: "123", Code: 2, HasFailed: true},
			"the result 123 differs from its stored entry: the exit code is 2; an unknown run stored it at an unknown time, this run made another result",
		},
		{
			Difference{Hash: "123", HasFailed: true, Run: "https://ci/2"},
			"the result 123 differs from its stored entry: the task failed; an unknown run stored it at an unknown time, https://ci/2 made another result",
		},
		{
			Difference{Hash: "123"},
			"the result 123 differs from its stored entry: one of its many files; an unknown run stored it at an unknown time, this run made another result",
		},
	} {
		want := test.want + end
		if test.d.HasFailed {
			want = strings.Replace(want, "the task's outputs are not reproducible", "the task does not always fail", 1)
		}
		if got := test.d.Error(); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Names come from archives, and the provenance from the one who stored the entry.
func TestHostileNames(t *testing.T) {
	evil := "\x1b[2J\n::error::\u202e##vso[task.complete]" + strings.Repeat("x", 10_000)
	d := &Difference{
		Hash: "123", Task: evil, Run: "https://ci/2",
		Files:  []manifest.Difference{{Name: evil, What: manifest.Content}, {Name: evil + "2", What: manifest.Kind}, {Name: evil + "3", What: manifest.Target}, {Name: "4"}},
		Stored: trust.Provenance{Run: evil, Time: time.Now()},
	}
	line := d.Error()
	if !printable.Is(line) || len(line) > 900 {
		t.Errorf("got %d bytes: %q", len(line), line)
	}
	if !strings.HasSuffix(line, "evict --hash 123") {
		t.Errorf("got %q, want a line that ends with what to do", line)
	}
	if code, _ := diagnostic.CodeOf(fmt.Errorf("x: %w", d)); code != diagnostic.EntryDiffers {
		t.Errorf("got the code %q", code)
	}
}

func TestCompare(t *testing.T) {
	c := New(1, trust.Provenance{Run: "https://ci/2"}, "s", noon)
	stored := &Stored{Manifest: new(manifest.Manifest), Provenance: trust.Provenance{Run: "https://ci/1"}}
	made := Made{Hash: "123", Task: "shop:build", Manifest: new(manifest.Manifest)}
	if d := c.Compare(stored, made); d != nil {
		t.Errorf("got %v for equal results", d)
	}
	made.Code = 1
	if d := c.Compare(stored, made); d == nil || d.Run != "https://ci/2" || d.Stored.Run != "https://ci/1" || d.Task != "shop:build" {
		t.Errorf("got %+v, want a difference with both runs", d)
	}
}
