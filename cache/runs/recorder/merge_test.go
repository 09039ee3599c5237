package recorder_test

import (
	"errors"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs/recorder"
)

// problem is a problem of this text.
func problem(reason string) recorder.Problem {
	return recorder.Problem{Reason: reason, Diagnostic: "NXAC042"}
}

// recordOf returns what the record says of one task.
func recordOf(t *testing.T, r *recorder.Recorder, task recorder.Task, mode cache.Mode) runs.Task {
	t.Helper()
	record := r.Record(&recorder.HandOver{Tasks: []recorder.Task{task}}, runs.Record{Mode: mode, Ended: time.Now()})
	if len(record.Tasks) != 1 {
		t.Fatalf("got %d tasks", len(record.Tasks))
	}
	return record.Tasks[0]
}

func TestOutcomes(t *testing.T) {
	hit := &cache.Hit{Scope: "trusted", Bytes: 42, Took: new(int64(61_000))}
	stored := func(outcome cache.Outcome, bytes int64) cache.Stored {
		return cache.Stored{Hash: "1", Outcome: outcome, Bytes: bytes, Err: errors.New("why")}
	}
	type rec = *recorder.Recorder
	for name, test := range map[string]struct {
		status string
		do     func(rec)
		mode   cache.Mode // "" is read-write
		want   runs.Task
	}{
		"remote hit": {"remote-cache", func(r rec) { r.Hit("1", hit) }, "",
			runs.Task{Outcome: runs.RemoteHit, From: "trusted", Bytes: 42, Saved: new(int64(61_000))}},
		"remote hit of an entry that does not tell": {"remote-cache", func(r rec) { r.Hit("1", &cache.Hit{Scope: "local", Bytes: 1}) }, "",
			runs.Task{Outcome: runs.RemoteHit, From: "local", Bytes: 1}},
		"remote hit that the cache does not know": {"remote-cache", func(rec) {}, "", runs.Task{Outcome: runs.RemoteHit}},
		"local hit":               {"local-cache", func(rec) {}, "", runs.Task{Outcome: runs.LocalHit}},
		"local hit, outputs kept": {"local-cache-kept-existing", func(rec) {}, "", runs.Task{Outcome: runs.LocalHit}},
		"local hit, after a miss": {"local-cache", func(r rec) { r.Miss("1", runs.LookupFailed, problem("x")) }, "", runs.Task{Outcome: runs.LocalHit}},
		"local hit of a result restored before": {"local-cache", func(r rec) { r.Hit("1", hit) }, "",
			runs.Task{Outcome: runs.RemoteHit, From: "trusted", Bytes: 42, Saved: new(int64(61_000))}},
		"stored": {"success", func(r rec) {
			r.Miss("1", "", recorder.Problem{})
			r.Accept("1")
			r.Store(stored(cache.OutcomeStored, 7), recorder.Problem{})
		}, "", runs.Task{Outcome: runs.Stored, Bytes: 7}},
		"stored before the response": {"success", func(r rec) {
			r.Store(stored(cache.OutcomeStored, 7), recorder.Problem{})
			r.Accept("1")
		}, "", runs.Task{Outcome: runs.Stored, Bytes: 7}},
		"stored although the lookup failed": {"success", func(r rec) {
			r.Miss("1", runs.LookupFailed, problem("no route"))
			r.Store(stored(cache.OutcomeStored, 7), recorder.Problem{})
		}, "", runs.Task{Outcome: runs.Stored, Bytes: 7, Lookup: runs.LookupFailed, Reason: "no route", Diagnostic: "NXAC042"}},
		"stored in place of a damaged entry": {"success", func(r rec) {
			r.Miss("1", runs.LookupDamaged, problem("truncated"))
			r.Store(stored(cache.OutcomeStored, 7), recorder.Problem{})
		}, "", runs.Task{Outcome: runs.Stored, Bytes: 7, Lookup: runs.LookupDamaged, Reason: "truncated", Diagnostic: "NXAC042"}},
		"verified, and equal": {"success", func(r rec) {
			r.Miss("1", runs.LookupVerify, recorder.Problem{})
			r.Store(stored(cache.OutcomeExists, 0), recorder.Problem{})
		}, "", runs.Task{Outcome: runs.Existing, Lookup: runs.LookupVerify}},
		"verified, and different": {"success", func(r rec) {
			r.Miss("1", runs.LookupVerify, recorder.Problem{})
			r.Store(stored(cache.OutcomeDiffers, 0), problem("dist/a differs"))
		}, "", runs.Task{Outcome: runs.Existing, Lookup: runs.LookupDiffers, Reason: "dist/a differs", Diagnostic: "NXAC042"}},
		"existing": {"success", func(r rec) { r.Store(stored(cache.OutcomeExists, 0), recorder.Problem{}) }, "", runs.Task{Outcome: runs.Existing}},
		"rejected by Nx after a hit": {"success", func(r rec) {
			r.Hit("1", hit)
			r.Store(stored(cache.OutcomeExists, 0), recorder.Problem{})
		}, "", runs.Task{Outcome: runs.Existing}},
		"changed":  {"success", func(r rec) { r.Store(stored(cache.OutcomeChanged, 0), problem("changed")) }, "", notStored("changed")},
		"evicted":  {"success", func(r rec) { r.Store(stored(cache.OutcomeEvicted, 0), problem("evicted")) }, "", notStored("evicted")},
		"refused":  {"success", func(r rec) { r.Store(stored(cache.OutcomeRefused, 0), problem("too large")) }, "", notStored("too large")},
		"failed":   {"success", func(r rec) { r.Store(stored(cache.OutcomeFailed, 0), problem("503")) }, "", notStored("503")},
		"rejected": {"success", func(r rec) { r.Reject("1", problem("incomplete")) }, "", notStored("incomplete")},
		"failed, and the reason of the lookup does not count": {"success", func(r rec) {
			r.Miss("1", runs.LookupDamaged, problem("truncated"))
			r.Store(stored(cache.OutcomeFailed, 0), problem("503"))
		}, "", runs.Task{Outcome: runs.NotStored, Lookup: runs.LookupDamaged, Reason: "503", Diagnostic: "NXAC042"}},
		"outcome unknown at the time limit": {"success", func(r rec) { r.Accept("1") }, "",
			runs.Task{Outcome: runs.NotStored, Diagnostic: "NXAC100", Reason: "it was still being stored when the record was made, shortly before the time limit azure.timeouts.drain"}},
		"not handed over": {"success", func(r rec) { r.Miss("1", "", recorder.Problem{}) }, "",
			runs.Task{Outcome: runs.NotStored, Reason: "Nx did not hand over the result"}},
		"not handed over, as the cache is off": {"success", func(r rec) { r.Miss("1", runs.LookupFailed, problem("it is off")) }, "",
			runs.Task{Outcome: runs.NotStored, Lookup: runs.LookupFailed, Reason: "it is off", Diagnostic: "NXAC042"}},
		"excluded":                   {"success", func(r rec) { r.Exclude("1") }, "", runs.Task{Outcome: runs.Excluded}},
		"excluded in read-only":      {"success", func(r rec) { r.Exclude("1") }, cache.ReadOnly, runs.Task{Outcome: runs.Excluded}},
		"read-only":                  {"success", func(r rec) { r.Reject("1", problem("the mode is read-only")) }, cache.ReadOnly, runs.Task{Outcome: runs.ReadOnly}},
		"read-only, not handed over": {"success", func(rec) {}, cache.ReadOnly, runs.Task{Outcome: runs.ReadOnly}},
		"read-only, lookup failed": {"success", func(r rec) { r.Miss("1", runs.LookupFailed, problem("no route")) }, cache.ReadOnly,
			runs.Task{Outcome: runs.ReadOnly, Lookup: runs.LookupFailed, Reason: "no route", Diagnostic: "NXAC042"}},
		"a failed task":          {"failure", func(r rec) { r.Miss("1", "", recorder.Problem{}) }, "", runs.Task{Outcome: runs.Failed}},
		"a failed task, stored":  {"failure", func(r rec) { r.Store(stored(cache.OutcomeStored, 7), recorder.Problem{}) }, "", runs.Task{Outcome: runs.Failed}},
		"skipped":                {"skipped", func(rec) {}, "", runs.Task{Outcome: runs.NotRun}},
		"stopped":                {"stopped", func(r rec) { r.Miss("1", "", recorder.Problem{}) }, "", runs.Task{Outcome: runs.NotRun}},
		"a status of a later Nx": {"pondered", func(rec) {}, "", runs.Task{Outcome: runs.OtherOutcome}},
	} {
		t.Run(name, func(t *testing.T) {
			r := new(recorder.Recorder)
			test.do(r)
			mode := test.mode
			if mode == "" {
				mode = cache.ReadWrite
			}
			test.want.ID, test.want.Hash = "a:build", "1"
			got := recordOf(t, r, recorder.Task{ID: "a:build", Hash: "1", Status: test.status}, mode)
			checkTask(t, got, test.want)
		})
	}
}

func notStored(reason string) runs.Task {
	return runs.Task{Outcome: runs.NotStored, Reason: reason, Diagnostic: "NXAC042"}
}

func checkTask(t *testing.T, got, want runs.Task) {
	t.Helper()
	isSame := func(a, b *int64) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }
	same := isSame(got.Saved, want.Saved) && isSame(got.Ran, want.Ran)
	shown := got
	got.Saved, got.Ran, got.Inputs, want.Saved, want.Ran, want.Inputs = nil, nil, nil, nil, nil, nil
	if !same || got.ID != want.ID || got.Hash != want.Hash || got.Outcome != want.Outcome || got.Lookup != want.Lookup ||
		got.Reason != want.Reason || got.Diagnostic != want.Diagnostic || got.From != want.From || got.Bytes != want.Bytes {
		t.Errorf("got %+v, want %+v", shown, want)
	}
}

// A task that Nx does not cache is not a miss, whatever its status is. One that did not run
// did not run.
func TestUncacheableTasks(t *testing.T) {
	for status, want := range map[string]runs.Outcome{
		"success": runs.NotCacheable, "failure": runs.NotCacheable, "skipped": runs.NotRun, "stopped": runs.NotRun,
	} {
		got := recordOf(t, new(recorder.Recorder), recorder.Task{ID: "a:serve", Status: status, IsUncacheable: true, Ran: new(int64(3))}, cache.ReadWrite)
		if hasRun := want == runs.NotCacheable; got.Outcome != want || (got.Ran != nil) != hasRun {
			t.Errorf("%s: got %+v, want %s", status, got, want)
		}
	}
}

// Only a task that ran has a time.
func TestRan(t *testing.T) {
	for status, want := range map[string]bool{
		"success": true, "failure": true, "local-cache": false, "remote-cache": false, "skipped": false,
	} {
		got := recordOf(t, new(recorder.Recorder), recorder.Task{ID: "a:build", Status: status, Ran: new(int64(3))}, cache.ReadWrite)
		if (got.Ran != nil) != want {
			t.Errorf("%s: got %v", status, got.Ran)
		}
	}
}

func TestRecord(t *testing.T) {
	ended := time.Date(2026, 11, 30, 21, 0, 0, 0, time.UTC)
	h := &recorder.HandOver{
		Started: ended.Add(-time.Minute), Ended: ended, Waited: 12, Omitted: 3,
		Inputs: []runs.Input{{Name: "env:CI", Tag: 1}},
		Tasks: []recorder.Task{
			{ID: "a:build", Hash: "1", Status: "success", Inputs: []int{0}},
			{ID: "b:build", Hash: "2", Status: "local-cache"},
			{ID: "a:build", Hash: "1", Status: "local-cache"}, // a second run in the process
		},
	}
	header := runs.Record{Session: "s", Mode: cache.ReadOnly, Ended: ended.Add(time.Second)}
	header.Totals.Hits = 5
	got := new(recorder.Recorder).Record(h, header)
	if got.Format != runs.Format || got.Session != "s" || !got.Started.Equal(h.Started) || !got.Ended.Equal(ended) ||
		got.Totals.Hits != 5 || got.Totals.LocalHits != 1 || got.Totals.Waited != 12 || got.Omitted != 3 || len(got.Inputs) != 1 {
		t.Errorf("got %+v", got)
	}
	if len(got.Tasks) != 2 || got.Tasks[0].Outcome != runs.ReadOnly || len(got.Tasks[0].Inputs) != 1 {
		t.Errorf("got the tasks %+v, want each once, as it was first", got.Tasks)
	}

	// The clock of this process counts if the client's is impossible.
	for _, wrong := range []time.Time{{}, ended.Add(2 * time.Hour), ended.Add(-2 * time.Hour)} {
		got := new(recorder.Recorder).Record(&recorder.HandOver{Started: ended.Add(time.Hour), Ended: wrong}, header)
		if !got.Ended.Equal(header.Ended) || !got.Started.Equal(header.Ended) {
			t.Errorf("%v: got %v to %v", wrong, got.Started, got.Ended)
		}
	}
}
