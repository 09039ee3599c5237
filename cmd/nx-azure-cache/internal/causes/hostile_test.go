package causes_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

// Anyone who may write a scope may write a record. Names may be anything: the caller makes
// them printable. What they must not do is break the conclusion.
func TestHostileNames(t *testing.T) {
	for _, name := range []string{"", ":", "::", ":ProjectConfiguration", "npm:", "env:", "runtime:", "json:", "workspace:[", "files:]", "\x1b[2J:\n/**/*",
		"shop:" + strings.Repeat("{", 500), "shop:" + strings.Repeat("+(", 400), strings.Repeat("a:", 500), "x:**/*:[", "shop:[z-a]", "shop:!(", "../..:../../**"} {
		here := recordOf("here", 0, "shop:build | 2 | stored | "+name+"=2")
		there := recordOf("there", 60, "shop:build | 1 | stored | "+name+"=1")
		there.Source.Commit = "--output=/tmp/x"
		got := explain(here, workspace("apps/shop/a.ts", "\x1b[2J"), there)
		if len(got) != 1 || len(got[0].Causes) == 0 {
			t.Errorf("%q: got %+v", name, got)
		}
	}
}

// A name of a project in a command to paste is one word, or there is no command.
func TestCommandsAreQuoted(t *testing.T) {
	for name, want := range map[string]string{
		"shop":        ": npx nx show project shop --json",
		"a; rm -rf b": `: npx nx show project "a; rm -rf b" --json`,
		"--help":      "on both machines",
		"a\x1b[2J":    "on both machines",
	} {
		here := recordOf("here", 0, "shop:build | 2 | stored | "+name+":ProjectConfiguration=2")
		there := recordOf("there", 60, "shop:build | 1 | stored | "+name+":ProjectConfiguration=1")
		got := explain(here, causes.Evidence{}, there)
		if fix := got[0].Causes[0].Fix; !strings.HasSuffix(fix, want) {
			t.Errorf("%q: got %q, want …%s", name, fix, want)
		}
	}
}

// large returns a record with 50,000 tasks, each with 40 inputs of a few hundred.
func large(session string, minutes int, tag uint16) *runs.Record {
	record := recordOf(session, minutes)
	for i := range 400 {
		record.Inputs = append(record.Inputs, runs.Input{Name: fmt.Sprintf("lib%d:libs/lib%d/**/*", i, i), Tag: 1})
	}
	record.Inputs = append(record.Inputs, runs.Input{Name: nxJSON, Tag: tag})
	for i := range 50_000 {
		task := runs.Task{ID: fmt.Sprintf("lib%d:build", i), Hash: fmt.Sprint(session, i), Outcome: runs.Stored}
		for input := range 40 {
			task.Inputs = append(task.Inputs, (i+input)%400)
		}
		task.Inputs = append(task.Inputs, 400)
		record.Tasks = append(record.Tasks, task)
	}
	return record
}

// What the collector keeps does not grow with the records that it sees.
func TestBoundedMemory(t *testing.T) {
	cachetest.SkipWithRace(t)
	here := large("here", 0, 2)
	collector := causes.New(here, causes.Misses(here), trust.Run{Scope: here.Scope}.Reads())
	past := large("past", 60, 1)
	collector.Add(past)
	allocated := testing.AllocsPerRun(1, func() { collector.Add(past) })
	if allocated > 1000 {
		t.Errorf("a record that is not nearer costs %.0f allocations, want a few", allocated)
	}
	asked := 0
	groups := causes.GroupCauses(collector.Explain(causes.Evidence{Changes: func(*causes.Run) causes.Changes {
		asked++
		return causes.Changes{Committed: []string{"nx.json"}}
	}}))
	if len(groups) != 1 || len(groups[0].Tasks) != 50_000 || groups[0].Kind != causes.WorkspaceFiles {
		t.Errorf("got %d groups, want one with all tasks", len(groups))
	}
	if asked != 1 {
		t.Errorf("the checkout was asked %d times about one run", asked)
	}
}

// The checkout is asked once about each input and each file, however many tasks have it.
func TestQuestionsAreAskedOnce(t *testing.T) {
	var here, there []string
	for i := range 20 {
		here = append(here, fmt.Sprintf("lib%d:build | 2%d | stored | words:libs/words/**/*=2 | gen:gen/**/*=2", i, i))
		there = append(there, fmt.Sprintf("lib%d:build | 1%d | stored | words:libs/words/**/*=1 | gen:gen/**/*=1", i, i))
	}
	past := recordOf("there", 60, there...)
	past.Source.Commit = commitB
	evidence, modified, commits := workspace("libs/words/w"), 0, 0
	evidence.Modified = func([]string, time.Time) []string { modified++; return nil }
	evidence.LastChange = func(*causes.Run, string) string { commits++; return "3f2c1ab" }
	if groups := causes.GroupCauses(explain(recordOf("here", 0, here...), evidence, past)); len(groups) != 2 || modified != 1 || commits != 1 {
		t.Errorf("got %d groups, %d questions about ignored files and %d about commits; want 2, 1, 1", len(groups), modified, commits)
	}
}

func TestGroups(t *testing.T) {
	here := recordOf("here", 0,
		"shop:build | 21 | stored | words:libs/words/**/*=2 | env:X=2",
		"shop:test | 22 | stored | words:libs/words/**/*=2",
		"words:build | 23 | stored | words:libs/words/**/*=2")
	there := recordOf("there", 60,
		"shop:build | 11 | stored | words:libs/words/**/*=1 | env:X=1",
		"shop:test | 12 | stored | words:libs/words/**/*=1",
		"words:build | 13 | stored | words:libs/words/**/*=1")
	there.Source.Commit = commitB
	groups := causes.GroupCauses(explain(here, workspace("libs/words/w"), there))
	if len(groups) != 2 || strings.Join(groups[0].Tasks, " ") != "shop:build shop:test words:build" || groups[0].Kind != causes.ProjectFiles ||
		strings.Join(groups[1].Tasks, " ") != "shop:build" || groups[1].Kind != causes.Variable || len(groups[0].Runs) != 1 {
		t.Errorf("got %+v", groups)
	}
	if text := groups[0].Text; !strings.Contains(text, "libs/words/w") || !strings.Contains(text, "3f2c1ab") {
		t.Errorf("got %q", text)
	}
}
