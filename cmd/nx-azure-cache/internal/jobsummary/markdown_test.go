package jobsummary

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
)

var update = flag.Bool("update", false, "write the golden summaries anew")

// missed is a task that ran for a time and was stored.
func missed(id string, ms int64) runs.Task {
	return runs.Task{ID: id, Hash: "1", Outcome: runs.Stored, Ran: &ms}
}

// a returns a task with changes.
func a(t runs.Task, change func(*runs.Task)) runs.Task {
	change(&t)
	return t
}

// usual is a run in CI with most of what can happen.
func usual() *runs.Record {
	tooLarge := func(t *runs.Task) {
		t.Outcome, t.Diagnostic = runs.NotStored, diagnostic.ResultTooLarge
		t.Reason = "has 612 MB when it is compressed; azure.maxArtifactSize is 500 MB"
	}
	r := &runs.Record{
		Session: "41-abc", CI: true, Scope: "pr-12", Mode: cache.ReadWrite, Excluded: 2,
		Totals: runs.Totals{
			Summary: cache.Summary{
				Hits: 41, Misses: 17, Damaged: 1, Stored: 12, Existing: 1, Skipped: 3, Evicted: 1, Failed: 1,
				BytesRead: 18_234_567, BytesWritten: 1_123_456, Saved: 753_200,
			},
			LocalHits: 2, Waited: 3_200,
		},
		Tasks: []runs.Task{
			{ID: "ui:build", Outcome: runs.RemoteHit},
			missed("shop:build:production", 72_345),
			missed("shop:test", 35_000),
			a(missed("shop:e2e", 210_000), tooLarge),
			a(missed("admin:e2e", 190_000), tooLarge),
			a(missed("docs:e2e", 180_000), tooLarge),
			a(missed("blog:e2e", 170_000), tooLarge),
			a(missed("shop:lint", 4_321), func(t *runs.Task) { t.Outcome = runs.Failed }),
			a(missed("api:codegen", 800), func(t *runs.Task) {
				t.Outcome, t.Lookup, t.Diagnostic = runs.Existing, runs.LookupDamaged, diagnostic.EntryDamaged
			}),
			a(missed("api:schema", 700), func(t *runs.Task) { t.Lookup, t.Reason = runs.LookupFailed, "503 ServerBusy" }),
			a(missed("api:stamp", 650), func(t *runs.Task) {
				t.Outcome, t.Lookup = runs.Existing, runs.LookupDiffers
				t.Reason = "dist/api/stamp.txt differs from what run https://ci.example/7 stored"
			}),
			a(missed("lib:build", 7_200_000+120_000), func(*runs.Task) {}),
			a(missed("lib:test", 600), func(t *runs.Task) {
				t.Outcome, t.Reason = runs.NotStored, "dist/lib/out.txt changed before it was packed: does another task write there?"
			}),
			a(missed("lib:old", 0), func(t *runs.Task) { t.Ran = nil }),
		},
	}
	return r
}

func TestMarkdown(t *testing.T) {
	causes := Causes{
		"shop:build:production": "a file changed: libs/ui/src/button.tsx (3f2c1ab)",
		"shop:test":             "no run that this one may read has stored the task",
	}
	readOnly := &runs.Record{
		CI: true, Scope: "readonly-main", Mode: cache.ReadOnly,
		Totals: runs.Totals{Summary: cache.Summary{Hits: 1, Misses: 1}, Waited: 90},
		Tasks: []runs.Task{
			{ID: "ui:build", Outcome: runs.RemoteHit},
			a(missed("ui:test", 61_000), func(t *runs.Task) { t.Outcome = runs.ReadOnly }),
		},
	}
	allHits := &runs.Record{
		Scope: "trusted", Totals: runs.Totals{Summary: cache.Summary{Hits: 2, BytesRead: 5, Saved: 50}, Waited: 100},
		Tasks: []runs.Task{{ID: "ui:build", Outcome: runs.RemoteHit}, {ID: "ui:test", Outcome: runs.RemoteHit}},
	}
	for name, got := range map[string]string{
		"usual":     Markdown(usual(), Known{causes, true}),
		"no-causes": Markdown(readOnly, Known{}),
		"all-hits":  Markdown(allHits, Known{}),
		"hostile":   Markdown(hostile(), Known{hostileCauses(), true}),
	} {
		golden := filepath.Join("testdata", name+".md")
		if *update {
			if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if got != string(want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, got, want)
		}
	}
}

func TestMarkdownOfNothing(t *testing.T) {
	if got := Markdown(&runs.Record{CI: true, Scope: "trusted", Totals: runs.Totals{Waited: 5}}, Known{}); got != "" {
		t.Errorf("got %q, want no summary", got)
	}
}

func TestUnexplained(t *testing.T) {
	want := "lib:build shop:e2e admin:e2e docs:e2e blog:e2e shop:build:production shop:test shop:lint"
	if got := strings.Join(unexplained(usual()), " "); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// An entry in the archive tier is not damaged.
func TestUnreadableEntry(t *testing.T) {
	task := runs.Task{Lookup: runs.LookupUnreadable, Diagnostic: diagnostic.EntryUnreadable}
	if got := whyMissed(&task, nil); !strings.HasPrefix(got, "its entry cannot be read ([NXAC084](") {
		t.Errorf("got %q", got)
	}
}

// A summary stays below 64 KiB, whatever the names are.
func TestMarkdownIsBounded(t *testing.T) {
	r, causes := &runs.Record{Scope: "trusted"}, Causes{}
	for _, char := range []string{"a", "|", "`", "<", "a / ", "\x01", "\u202e", "界", "##vso["} {
		for i := range 100 {
			task := missed(fmt.Sprint(i, strings.Repeat(char, 1_000)), int64(i))
			task.Reason = fmt.Sprint(i, strings.Repeat(char, 1_000))
			task.Diagnostic = diagnostic.EntryDamaged
			switch i % 3 {
			case 0:
				task.Outcome = runs.NotStored
			case 1:
				task.Lookup = runs.LookupDiffers
			}
			causes[task.ID] = task.Reason
			r.Tasks = append(r.Tasks, task)
		}
		if got := Markdown(r, Known{Causes: causes}); len(got) >= 64<<10 || len(got) < 5_000 {
			t.Errorf("with %q: got %d bytes, want less than 64 KiB", char, len(got))
		}
		r.Tasks = nil
	}
}
