package causes

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
)

// withoutInputs returns the cause of a miss that needs no comparison of inputs.
func (x *explainer) withoutInputs(w *wanted) (Cause, bool) {
	switch {
	case w.task.Outcome == runs.Excluded:
		return Cause{Kind: Excluded, Text: "azure.include or azure.exclude keeps it out of the remote cache",
			Fix: "if the task should be cached, change these patterns in nx.json"}, true
	case w.task.Lookup == runs.LookupFailed:
		text := "the lookup failed"
		if w.task.Outcome == runs.NotStored { // then the reason is about storing
			text += ", and then storing the result"
		}
		return Cause{Kind: LookupFailed, Text: text + because(w.task.Reason),
			Fix: help(w.task, "run npx nx-azure-cache doctor")}, true
	case w.task.Lookup == runs.LookupDamaged:
		return Cause{Kind: Damaged, Text: "its entry must not be used" + because(w.task.Reason),
			Fix: help(w.task, "look at it with npx nx-azure-cache inspect "+w.task.Hash+" --verify")}, true
	case w.task.Lookup == runs.LookupUnreadable:
		return Cause{Kind: Unreadable, Text: "its entry exists, and cannot be read" + because(w.task.Reason),
			Fix: help(w.task, "move or evict the entry: npx nx-azure-cache inspect "+w.task.Hash)}, true
	case w.task.Lookup == runs.LookupVerify || w.task.Lookup == runs.LookupDiffers:
		return verified(w.task), true
	}
	return x.sameHash(w)
}

// verified is the cause that azure.verify has treated a hit as a miss.
func verified(task *runs.Task) Cause {
	text, fix := "the results were not compared"+because(task.Reason), ""
	switch {
	case task.Outcome == runs.Failed:
		text = "the task failed: the stored entry says that it succeeds"
		fix = "find out if the task always fails, and who stored the entry: npx nx-azure-cache inspect " + task.Hash
	case task.Lookup == runs.LookupDiffers:
		text = "the task made another result" + because(task.Reason)
		fix = "make the output reproducible, or find out who stored it: npx nx-azure-cache inspect " + task.Hash
	case task.Outcome == runs.Existing:
		text = "the result was the same"
	}
	return Cause{Kind: Verify, Text: "azure.verify treated the hit as a miss, and " + text, Fix: fix}
}

// sameHash returns the cause of a miss although another run knows the hash.
func (x *explainer) sameHash(w *wanted) (Cause, bool) {
	switch {
	case w.during != nil:
		return Cause{Kind: Exists, Name: string(w.during.scope), Text: "another run stored the result while this one ran: " + w.during.run.String(),
			Fix: "the next run hits"}, true
	case w.task.Outcome == runs.Existing:
		return Cause{Kind: Exists, Text: "its entry existed when the run stored the result",
			Fix: "another run stored it at the same time, so the next run hits. To see which: npx nx-azure-cache inspect " + w.task.Hash}, true
	case w.before != nil:
		return Cause{Kind: Gone, Name: string(w.before.scope),
			Text: fmt.Sprintf("%s %s it, and the entry is gone: evicted or expired", w.before.run, verb(w.before.task.Outcome)),
			Fix:  "keep entries longer if they are still useful: check the lifecycle rules of the storage account, and what people evict"}, true
	case w.elsewhere != nil:
		return x.otherScope(w.elsewhere), true
	case w.notStored != nil:
		return notStored(w.notStored, "an earlier run with the same inputs did not store it: "), true
	}
	return Cause{}, false
}

func verb(outcome runs.Outcome) string {
	if outcome == runs.RemoteHit {
		return "read"
	}
	return "stored"
}

func (x *explainer) otherScope(e *event) Cause {
	return Cause{Kind: OtherScope, Name: string(e.scope),
		Text: fmt.Sprintf("only %s has it, and this run reads %s: %s", e.scope, list(x.collector.reads), e.run),
		Fix:  fixOfScope(e.scope)}
}

// fixOfScope says what to do about a result in a scope that the run does not read.
func fixOfScope(scope trust.Scope) string {
	if scope == trust.Trusted {
		return `a run reads trusted unless azure.trust.isolation is "none": run npx nx-azure-cache doctor in the same environment`
	}
	return "by design: other runs could not trust it. A run of a trusted branch stores it for all"
}

func list(scopes []trust.Scope) string {
	if len(scopes) == 0 {
		return "no scope"
	}
	words := make([]string, len(scopes))
	for i, scope := range scopes {
		words[i] = string(scope)
	}
	return strings.Join(words, " and ")
}

// notStored is the cause that a run had a result and did not store it.
func notStored(e *event, before string) Cause {
	text, fix := e.task.Reason, "npx nx-azure-cache help "+string(e.task.Diagnostic)
	if e.task.Diagnostic == "" {
		fix = ""
	}
	switch e.task.Outcome {
	case runs.ReadOnly:
		text, fix = "that run may only read the cache", "run the task where results are stored, such as in CI on the main branch"
	case runs.Excluded:
		text, fix = "azure.include or azure.exclude kept the task out", "change these patterns in nx.json if it should be cached"
	case runs.Failed:
		text, fix = "the task failed", "results of failed tasks are not stored: fix the task"
	case runs.NotStored:
		if strings.TrimSpace(text) == "" {
			text = "that run does not say why"
		}
	default:
		text = "its outcome is " + string(e.task.Outcome)
	}
	return Cause{Kind: NotStored, Name: string(e.task.Outcome), Text: before + text + " (" + e.run.String() + ")", Fix: fix}
}

// neverStored is the cause that this run may read no result of the task.
func (x *explainer) neverStored(w *wanted) Cause {
	switch {
	case w.lost != nil:
		return notStored(w.lost, "no earlier run"+x.since()+" stored a result of this task: ")
	case x.evidence.NoRecords != "":
		return Cause{Kind: NoRecords, Text: "there is no record to compare with: " + x.evidence.NoRecords}
	case x.collector.Readable == 0:
		return Cause{Kind: NoRecords, Text: "no run whose results this one reads has left a record" + x.since(),
			Fix: `CI runs write records unless azure.records is "none" or they use an older version: run CI on the main branch once, then this task`}
	case w.foreign != nil:
		return Cause{Kind: FirstTime, Name: string(w.foreign.run.Scope),
			Text: fmt.Sprintf("first time%s: only runs in other scopes, such as %s, ran it", x.since(), w.foreign.run.Scope),
			Fix:  "a run of a trusted branch stores it for all"}
	}
	return Cause{Kind: FirstTime, Text: "first time: no record" + x.since() + " has this task", Fix: x.more()}
}

// more says how to read more records, if there are more.
func (x *explainer) more() string {
	if x.evidence.Newest > 0 {
		return "--limit 0 reads older records, too"
	}
	return ""
}

// since says which records were read.
func (x *explainer) since() string {
	if x.evidence.Newest > 0 {
		return fmt.Sprintf(" among the newest %d of each scope", x.evidence.Newest)
	}
	if x.evidence.Since == "" {
		return ""
	}
	return " since " + x.evidence.Since
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// help returns the command that explains a task's diagnostic.
func help(task *runs.Task, otherwise string) string {
	if task.Diagnostic == "" {
		return otherwise
	}
	return "npx nx-azure-cache help " + string(task.Diagnostic)
}

// String names a run for people, in UTC.
func (r *Run) String() string {
	parts := []string{string(r.Scope), "run of", r.Ended.UTC().Format("2006-01-02 15:04 UTC")}
	if commit := gitfiles.Short(r.Commit); commit != "" {
		parts = append(parts, "at", commit)
	}
	if r.URL != "" {
		parts = append(parts, r.URL)
	}
	return strings.Join(parts, " ")
}

// sameCommit reports whether a run is of a commit that is known.
func (x *explainer) sameCommit(run *Run) bool {
	return run.Commit != "" && run.Commit == x.collector.record.Source.Commit
}

// Misses returns the tasks of a record that ran although Nx caches them, and those whose
// lookup did not find what is there.
func Misses(record *runs.Record) []*runs.Task {
	var tasks []*runs.Task
	for i := range record.Tasks {
		if task := &record.Tasks[i]; task.IsMiss() || slices.Contains(lookups, task.Lookup) {
			tasks = append(tasks, task)
		}
	}
	return tasks
}

var lookups = []runs.Lookup{runs.LookupDamaged, runs.LookupFailed, runs.LookupUnreadable, runs.LookupVerify, runs.LookupDiffers}
