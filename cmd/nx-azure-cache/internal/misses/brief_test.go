package misses

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// pastRuns are records of other runs, and then an error.
type pastRuns struct {
	records []*runs.Record
	err     error
	scopes  []trust.Scope
	query   history.Query
}

func (p *pastRuns) Runs(_ context.Context, scopes []trust.Scope, query history.Query) iter.Seq2[*history.Run, error] {
	p.scopes, p.query = scopes, query
	return func(yield func(*history.Run, error) bool) {
		for _, record := range p.records {
			if !yield(&history.Run{Record: record, Scope: record.Scope, Ended: record.Ended}, nil) {
				return
			}
		}
		if p.err != nil {
			yield(nil, p.err)
		}
	}
}

func (*pastRuns) Skipped() history.Skipped { return history.Skipped{} }

var now = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// runOf is a run of shop:build and shop:test.
func runOf(session, variable string, ended time.Time, hash string) *runs.Record {
	return &runs.Record{
		Format: runs.Format, Session: session, Scope: trust.Trusted, Started: ended.Add(-time.Minute), Ended: ended, OS: "linux",
		Inputs: []runs.Input{{Name: "env:" + "MODE", Tag: runs.Tag("env:MODE", variable)}, {Name: "shop:shop/**/*", Tag: 7}},
		Tasks: []runs.Task{
			{ID: "shop:build", Hash: hash, Outcome: runs.Stored, Inputs: []int{0, 1}},
			{ID: "shop:test", Hash: hash + "1", Outcome: runs.Stored, Inputs: []int{0, 1}},
		},
	}
}

func TestBrief(t *testing.T) {
	this := runOf("2", "b", now, "22")
	first := func(past pastRuns, tasks ...string) map[string]string {
		got := Brief(t.Context(), &past, t.TempDir(), this, tasks)
		if len(past.scopes) != 1 || past.scopes[0] != trust.Trusted || past.query.Limit != briefRecords || past.query.Except != this.Session {
			t.Errorf("read %+v of %v", past.query, past.scopes)
		}
		return got
	}
	earlier := []*runs.Record{runOf("1", "a", now.Add(-time.Hour), "11")}
	got := first(pastRuns{records: earlier}, "shop:build")
	if len(got) != 1 || got["shop:build"] == "" {
		t.Fatalf("got %q, want a cause of shop:build only", got)
	}
	t.Log(got["shop:build"])
	// What was read before an error counts.
	if again := first(pastRuns{records: earlier, err: errors.New("403")}, "shop:build"); !maps.Equal(again, got) {
		t.Errorf("got %q, want %q", again, got)
	}
	// Nothing is known: no records, no permission, and only its own record.
	for _, past := range []pastRuns{{}, {err: errors.New("403")}, {records: []*runs.Record{this}}} {
		if got := first(past, "shop:build"); len(got) > 0 {
			t.Errorf("got %q, want nothing", got)
		}
	}
	// An older record may have a stored result of the task.
	failed := runOf("1", "a", now.Add(-time.Hour), "11")
	failed.Tasks[0].Outcome = runs.Failed
	if got := first(pastRuns{records: []*runs.Record{failed}}, "shop:build"); len(got) > 0 {
		t.Errorf("got %q, want nothing that older records can refute", got)
	}
	// An older record may have the task.
	other := runOf("1", "a", now.Add(-time.Hour), "11")
	other.Tasks[0].ID = "shop:other"
	if got := first(pastRuns{records: []*runs.Record{other}}, "shop:build"); len(got) > 0 {
		t.Errorf("got %q, want nothing about a task without a record", got)
	}
}

// The record of a job summary was never encoded, so it may have equal inputs.
func TestBriefOfEqualInputs(t *testing.T) {
	command := runs.Input{Name: "command", Tag: 5}
	this, earlier := runOf("2", "b", now, "22"), runOf("1", "a", now.Add(-time.Hour), "11")
	this.Inputs = append(this.Inputs, command, command)
	earlier.Inputs = append(earlier.Inputs, command)
	this.Tasks[0].Inputs, this.Tasks[1].Inputs = []int{0, 1, 2}, []int{0, 1, 3}
	earlier.Tasks[0].Inputs, earlier.Tasks[1].Inputs = []int{0, 1, 2}, []int{0, 1, 2}
	got := Brief(t.Context(), &pastRuns{records: []*runs.Record{earlier}}, t.TempDir(), this.Shared(), []string{"shop:build", "shop:test"})
	if want := "the variable MODE has another value"; got["shop:build"] != want || got["shop:test"] != want {
		t.Errorf("got %q", got)
	}
}

// The commit of a record is any string. People see a hash or nothing.
func TestCommitInTitle(t *testing.T) {
	for commit, want := range map[string]string{strings.Repeat("a", 40): ", trusted, commit aaaaaaaaa)", "$(curl x)": ", trusted)", "": ", trusted)"} {
		record := runOf("1", "a", now, "1")
		record.Source.Commit = commit
		if got := (&report{found: found{record: record}}).title(); !strings.Contains(got, want) {
			t.Errorf("%q: got %q", commit, got)
		}
	}
}

// A brief search asks nothing that takes long in a large checkout, and ends with its context.
func TestBriefIsQuick(t *testing.T) {
	root, first, second := workspaceOf(t)
	testenv.WriteFile(t, root, "new.txt", "1")
	earlier, this := runOf("1", "a", now.Add(-time.Hour), "11"), runOf("2", "a", now, "22")
	earlier.Source.Commit, this.Source.Commit = first, second
	evidence := briefEvidence(t.Context(), root, this)
	changes := evidence.Changes(&causes.Run{Commit: first})
	if want := []string{"a.txt", "package.json"}; !slices.Equal(changes.Committed, want) || changes.Uncommitted != nil || changes.Problem != "" {
		t.Errorf("got %+v, want %q", changes, want)
	}
	if evidence.Modified != nil || evidence.Packages != nil || evidence.Stop() {
		t.Errorf("got %+v", evidence)
	}
	for i := range briefChanges {
		testenv.WriteFile(t, root, fmt.Sprintf("many/%d", i), "1")
	}
	this.Source.Commit = testenv.Commit(t, root)
	if got := briefEvidence(t.Context(), root, this).Changes(&causes.Run{Commit: first}).Committed; len(got) != briefChanges {
		t.Errorf("compares %d files", len(got))
	}
	earlier.Inputs[1].Tag++
	ctx, cancel := context.WithCancel(t.Context())
	if got := Brief(ctx, &pastRuns{records: []*runs.Record{earlier}}, root, this, []string{"shop:build"}); len(got) != 1 {
		t.Errorf("got %q", got)
	}
	cancel()
	if got := Brief(ctx, &pastRuns{records: []*runs.Record{earlier}}, root, this, []string{"shop:build"}); len(got) > 0 {
		t.Errorf("after the end of its time: got %q", got)
	}
}
