package causes_test

import (
	"fmt"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

// Without time, no task has an explanation that lacks files, and no file is matched.
func TestStop(t *testing.T) {
	var files []string
	for i := range 1000 {
		files = append(files, fmt.Sprintf("apps/shop/%d.ts", i))
	}
	here := recordOf("here", 0, "shop:build | 2 | stored | shop:apps/shop/**/*=2", "shop:test | 3 | stored | shop:apps/shop/**/*.ts=2")
	there := recordOf("there", 60, "shop:build | 1 | stored | shop:apps/shop/**/*=1", "shop:test | 0 | stored | shop:apps/shop/**/*.ts=1")
	there.Source.Commit = commitB
	asked := 0
	evidence := workspace(files...)
	evidence.Stop = func() bool { asked++; return false }
	if got := explain(here, evidence, there); len(got) != 2 {
		t.Fatalf("got %d explanations, want 2", len(got))
	}
	if asked < 8 {
		t.Errorf("1000 files are matched with 2 inputs, and the time is asked %d times", asked)
	}
	// Wherever the time ends, the explanations before are complete.
	for left := range asked {
		rest := left
		evidence.Stop = func() bool { rest--; return rest < 0 }
		for _, explanation := range explain(here, evidence, there) {
			if got := explanation.Causes[0]; got.Kind != causes.ProjectFiles || len(got.Files)+got.Omitted != len(files) {
				t.Errorf("after %d questions: got %+v", left, got)
			}
		}
	}
	evidence.Stop = func() bool { return true }
	evidence.LastChange = func(*causes.Run, string) string { t.Error("git is asked"); return "" }
	if got := explain(here, evidence, there); len(got) > 0 {
		t.Errorf("got %+v without time", got)
	}
}
