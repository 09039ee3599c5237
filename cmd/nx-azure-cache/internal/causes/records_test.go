package causes_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
)

const (
	commitA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	commitB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

var start = time.Date(2026, 11, 30, 10, 0, 0, 0, time.UTC)

// recordOf returns a record of a run that took a minute, minutes before start.
func recordOf(session string, minutes int, tasks ...string) *runs.Record {
	began := start.Add(-time.Duration(minutes) * time.Minute)
	record := &runs.Record{
		Format: runs.Format, Session: session, Started: began, Ended: began.Add(time.Minute),
		Scope: trust.Trusted, Mode: cache.ReadWrite, CI: true, Nx: "24.0.6", OS: "linux", Arch: "amd64",
		Source: runs.Source{Commit: commitA, Run: "https://ci.example/" + session},
	}
	for _, task := range tasks {
		add(record, task)
	}
	return record
}

// add adds a task: "id hash outcome input=value input=value".
func add(record *runs.Record, line string) *runs.Task {
	words := strings.Split(line, " | ")
	task := runs.Task{ID: words[0], Hash: words[1], Outcome: runs.Outcome(words[2])}
	for _, word := range words[3:] {
		name, value, _ := strings.Cut(word, "=")
		in := runs.Input{Name: name, Tag: runs.Tag(name, value)}
		i := slices.Index(record.Inputs, in)
		if i < 0 {
			i = len(record.Inputs)
			record.Inputs = append(record.Inputs, in)
		}
		task.Inputs = append(task.Inputs, i)
	}
	record.Tasks = append(record.Tasks, task)
	return &record.Tasks[len(record.Tasks)-1]
}

// explain explains all misses of a record.
func explain(record *runs.Record, evidence causes.Evidence, others ...*runs.Record) []causes.Explanation {
	collector := causes.New(record, causes.Misses(record), trust.Run{Scope: record.Scope}.Reads())
	for _, other := range others {
		collector.Add(other)
	}
	return collector.Explain(evidence)
}

// expectCauses compares "kind name" of all causes of the only miss.
func expectCauses(t *testing.T, got []causes.Explanation, want ...string) {
	t.Helper()
	if len(got) != 1 {
		t.Fatalf("got %d explanations, want 1: %+v", len(got), got)
	}
	var kinds []string
	for _, cause := range got[0].Causes {
		kind := strings.TrimSpace(fmt.Sprintf("%s %s", cause.Kind, cause.Name))
		if len(cause.Files) > 0 {
			kind += " [" + strings.Join(cause.Files, " ") + "]"
		}
		kinds = append(kinds, kind)
		if strings.TrimSpace(cause.Text) == "" {
			t.Errorf("the cause %s has no text", kind)
		}
	}
	if !slices.Equal(kinds, want) {
		t.Errorf("got %q, want %q", kinds, want)
	}
}
