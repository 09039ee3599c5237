package jobsummary

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const (
	// maxRows is how many rows a table or a list has.
	maxRows = 10
	// maxNames is how many tasks with the same reason are named.
	maxNames = 3
)

// Causes are sentences about why tasks were misses, by [runs.Task.ID].
type Causes map[string]string

// Known is what is known of a run beside its record.
type Known struct {
	Causes Causes
	// IsStored reports whether others can read the record.
	IsStored bool
}

// Markdown formats the summary of a run, in less than 64 KiB. It is "" if the run did
// nothing that a cache could help with.
func Markdown(r *runs.Record, known Known) string {
	if len(r.Tasks) == 0 && r.Totals == (runs.Totals{Waited: r.Totals.Waited}) {
		return ""
	}
	parts := []string{
		fmt.Sprintf("### Remote cache of Nx: %s, %s\n\n%s\n",
			count(r.Totals.Hits, "hit", "hits"), count(r.Totals.Misses, "miss", "misses"), totalsLine(r)),
		slowestMisses(r, known),
		differing(r),
		notStored(r),
		excluded(r),
	}
	parts = slices.DeleteFunc(parts, func(part string) bool { return part == "" })
	return strings.Join(parts, "\n")
}

// totalsLine is what a run did, in one line.
func totalsLine(r *runs.Record) string {
	t := &r.Totals
	parts := []string{count(t.Hits, "remote hit", "remote hits")}
	add := func(n int64, one, many string) {
		if n > 0 {
			parts = append(parts, count(n, one, many))
		}
	}
	add(t.LocalHits, "local hit", "local hits")
	parts = append(parts, count(t.Misses, "miss", "misses"), fmt.Sprintf("%d stored", t.Stored))
	add(t.Existing, "existing", "existing")
	add(t.Damaged, "damaged", "damaged")
	add(t.Skipped, "skipped", "skipped")
	add(t.Evicted, "evicted", "evicted")
	add(t.Failed, "failed", "failed")
	parts = append(parts, printable.Size(t.BytesRead)+" read", printable.Size(t.BytesWritten)+" written")
	waited := terminal.LongDuration(t.Waited) + " waited"
	if net := t.Saved - t.Waited; net > 0 {
		waited = "**" + terminal.LongDuration(net) + " saved** (" + waited + ")"
	}
	return strings.Join(append(parts, waited, "scope "+name(string(r.Scope))), ", ")
}

// slowest returns the tasks that Nx caches and that ran, in the order of their time.
func slowest(r *runs.Record) []runs.Task {
	misses := slices.DeleteFunc(slices.Clone(r.Tasks), func(t runs.Task) bool { return !t.IsMiss() })
	slices.SortStableFunc(misses, func(a, b runs.Task) int { return cmp.Compare(ran(&b), ran(&a)) })
	return misses
}

// unexplained returns the tasks of the table whose reason is not in the record.
func unexplained(r *runs.Record) (tasks []string) {
	misses := slowest(r)
	for i := range misses[:min(maxRows, len(misses))] {
		if t := &misses[i]; whyMissed(t, nil) == "" {
			tasks = append(tasks, t.ID)
		}
	}
	return tasks
}

// slowestMisses is a table of the tasks that ran longest although Nx caches them.
func slowestMisses(r *runs.Record, known Known) string {
	misses := slowest(r)
	if len(misses) == 0 {
		return ""
	}
	shown := misses[:min(maxRows, len(misses))]
	reasons := make([]string, len(shown))
	for i := range shown {
		reasons[i] = whyMissed(&shown[i], known.Causes)
	}
	var b strings.Builder
	writeTable(&b, shown, reasons)
	if more := misses[len(shown):]; len(more) > 0 {
		var total int64
		for i := range more {
			total += max(ran(&more[i]), 0)
		}
		fmt.Fprintf(&b, "\n%s, which ran for %s.\n", count(int64(len(more)), "more miss", "more misses"), terminal.LongDuration(total))
	}
	fmt.Fprintf(&b, "\nWhy was a task a miss? Run `%s` ([more](%s)).\n", explainCommand(r, known), diagnostic.Page("insight.md"))
	return b.String()
}

// explainCommand explains the run: on every machine if its record is stored, otherwise in
// the job right after the run.
func explainCommand(r *runs.Record, known Known) string {
	const here = "npx nx-azure-cache explain"
	if command, ok := printable.Command(here+" --run %s", r.Session); ok && known.IsStored && inCode.Replace(command) == command {
		return command
	}
	return here
}

// writeTable writes a row for each task. If no reason is known, there is no column for it.
func writeTable(b *strings.Builder, tasks []runs.Task, reasons []string) {
	hasReasons := strings.Join(reasons, "") != ""
	b.WriteString("| slowest misses | ran for |")
	if hasReasons {
		b.WriteString(" why |")
	}
	b.WriteString("\n|---|---:|")
	if hasReasons {
		b.WriteString("---|")
	}
	b.WriteString("\n")
	for i := range tasks {
		t := &tasks[i]
		what, took := name(t.ID), ""
		if t.Outcome == runs.Failed {
			what += " (failed)"
		}
		if t.Ran != nil {
			took = terminal.LongDuration(*t.Ran)
		}
		fmt.Fprintf(b, "| %s | %s |", what, took)
		if hasReasons {
			fmt.Fprintf(b, " %s |", reasons[i])
		}
		b.WriteString("\n")
	}
}

// ran is for how many milliseconds a task ran; -1 if that is unknown.
func ran(t *runs.Task) int64 {
	if t.Ran == nil {
		return -1
	}
	return *t.Ran
}

// whyMissed says why a task ran; "" if that is unknown.
func whyMissed(t *runs.Task, causes Causes) string {
	switch {
	case t.Lookup == runs.LookupDamaged:
		return "its entry is damaged" + link(t.Diagnostic)
	case t.Lookup == runs.LookupUnreadable:
		return "its entry cannot be read" + link(t.Diagnostic)
	case t.Lookup == runs.LookupFailed:
		return "the storage failed" + link(t.Diagnostic)
	case t.Lookup == runs.LookupVerify, t.Lookup == runs.LookupDiffers:
		return "`azure.verify` ran it again"
	}
	return sentence(causes[t.ID])
}

// link is a link to the section about a code, or "".
func link(code diagnostic.Code) string {
	if url := diagnostic.URL(code); url != "" {
		return fmt.Sprintf(" ([%s](%s))", code, url)
	}
	return ""
}

// differing lists the tasks whose result differs from the stored one.
func differing(r *runs.Record) string {
	var b strings.Builder
	n := 0
	for i := range r.Tasks {
		t := &r.Tasks[i]
		if t.Lookup != runs.LookupDiffers {
			continue
		}
		if n++; n <= maxRows {
			fmt.Fprintf(&b, "- %s%s\n", withReason(name(t.ID), t.Reason), link(t.Diagnostic))
		}
	}
	return list("These results differ from what is stored:", &b, n)
}

// list adds a title to n items. The caller has written at most maxRows.
func list(title string, items *strings.Builder, n int) string {
	if n == 0 {
		return ""
	}
	if n > maxRows {
		fmt.Fprintf(items, "- and %d more\n", n-maxRows)
	}
	return title + "\n\n" + items.String()
}

func withReason(what, reason string) string {
	if reason = sentence(reason); reason != "" {
		return what + ": " + reason
	}
	return what
}

// refusal is a reason for which results are not stored.
type refusal struct {
	reason string
	code   diagnostic.Code
}

// notStored lists the results that are not stored, by reason.
func notStored(r *runs.Record) string {
	var order []refusal
	tasks := make(map[refusal][]string)
	readOnly := int64(0)
	for i := range r.Tasks {
		t := &r.Tasks[i]
		if t.Outcome == runs.ReadOnly {
			readOnly++
		}
		if t.Outcome != runs.NotStored {
			continue
		}
		why := refusal{t.Reason, t.Diagnostic}
		if _, seen := tasks[why]; !seen {
			order = append(order, why)
		}
		tasks[why] = append(tasks[why], t.ID)
	}
	var b strings.Builder
	for _, why := range order[:min(maxRows, len(order))] {
		fmt.Fprintf(&b, "- %s%s\n", withReason(names(tasks[why]), why.reason), link(why.code))
	}
	text := list("These results are not stored:", &b, len(order))
	if readOnly > 0 {
		if text != "" {
			text += "\n"
		}
		text += fmt.Sprintf("The run is read-only, so it did not store %s.\n", count(readOnly, "result", "results"))
	}
	return text
}

// excluded counts the tasks that are kept out of the cache, perhaps because their names are
// secret.
func excluded(r *runs.Record) string {
	if r.Excluded == 0 {
		return ""
	}
	return fmt.Sprintf("`azure.include` or `azure.exclude` leaves out %s.\n", count(int64(r.Excluded), "task", "tasks"))
}

// names lists a few tasks.
func names(ids []string) string {
	shown := make([]string, 0, maxNames)
	for _, id := range ids[:min(maxNames, len(ids))] {
		shown = append(shown, name(id))
	}
	text := strings.Join(shown, ", ")
	if more := len(ids) - len(shown); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

func count(n int64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
