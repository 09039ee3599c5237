package misses

import (
	"fmt"
	"io"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

const (
	maxTasks  = 4  // named in a group
	maxGroups = 30 // printed
)

// writeText prints the report for people.
func (a *report) writeText(out io.Writer) error {
	var lines terminal.Lines
	lines.Printf("%s", a.title())
	for _, task := range a.hits {
		lines.Printf("")
		lines.Printf("%s", describeHit(task))
	}
	for _, task := range a.others {
		lines.Printf("")
		lines.Printf("%s: not a miss (%s)", task.ID, describeOutcome(task))
	}
	groups := causes.GroupCauses(a.all)
	for i, group := range groups {
		if i == maxGroups {
			lines.Printf("")
			lines.Printf("and %s; --json has all", terminal.Count(len(groups)-i, "other cause", "other causes"))
			break
		}
		lines.Printf("")
		writeGroup(&lines, group)
	}
	if unstored := a.unstored(); unstored != "" {
		lines.Printf("")
		lines.Printf("%s", unstored)
	}
	for i, note := range a.allNotes() {
		if i == 0 {
			lines.Printf("")
		}
		lines.Printf("Note: %s", note)
	}
	_, err := lines.WriteTo(out)
	return err
}

func (a *report) title() string {
	run := "The last run here"
	if !a.isLocal {
		run = "The run"
	}
	at := a.record.Ended.UTC().Format("2006-01-02 15:04 UTC")
	source := string(a.record.Scope)
	if commit := gitfiles.Short(a.record.Source.Commit); commit != "" {
		source += ", commit " + commit
	}
	total := a.record.Totals
	return fmt.Sprintf("%s (%s, %s) had %s and %s.", run, at, source,
		terminal.Count(int(total.Hits+total.LocalHits), "hit", "hits"), terminal.Count(len(causes.Misses(a.record)), "miss", "misses"))
}

// writeGroup prints a cause and its tasks.
func writeGroup(lines *terminal.Lines, group causes.Group) {
	who := group.Tasks[0]
	if len(group.Tasks) > 1 {
		who = terminal.Count(len(group.Tasks), "task", "tasks")
	}
	same := ""
	if group.IsUnstable {
		same = "same commit, but "
	}
	lines.Printf("%s: %s%s", who, same, group.Text)
	if len(group.Tasks) > 1 {
		lines.Printf("  Tasks: %s", head(group.Tasks))
	}
	if len(group.Runs) > 0 {
		more := ""
		if n := len(group.Runs) - 1; n > 0 {
			more = fmt.Sprintf(" and %s", terminal.Count(n, "other run", "other runs"))
		}
		lines.Printf("  Compared with: %s%s", group.Runs[0], more)
	}
	if group.Fix != "" {
		lines.Printf("  Fix: %s", group.Fix)
	}
}

func head(tasks []string) string {
	if more := len(tasks) - maxTasks; more > 0 {
		return strings.Join(tasks[:maxTasks], ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(tasks, ", ")
}

func describeHit(task *runs.Task) string {
	from := "the local cache"
	if task.Outcome == runs.RemoteHit {
		from = "the remote cache"
		if task.From != "" {
			from += ", scope " + string(task.From)
		}
	}
	text := fmt.Sprintf("%s: a hit from %s", task.ID, from)
	if task.Bytes > 0 {
		text += ", " + terminal.Size(task.Bytes)
	}
	if task.Saved != nil {
		text += "; it saved " + terminal.LongDuration(*task.Saved)
	}
	return text
}

func describeOutcome(task *runs.Task) string {
	switch task.Outcome {
	case runs.NotCacheable:
		return "Nx does not cache it: set \"cache\": true for the target, if the same inputs make the same result"
	case runs.NotRun:
		return "it did not run: it was skipped or stopped"
	}
	return string(task.Outcome)
}

// unstored says that results of the misses are not stored now either.
func (a *report) unstored() string {
	var tasks []string
	reason := ""
	for _, task := range a.misses {
		if task.Outcome == runs.NotStored {
			if len(tasks) == 0 {
				reason = task.Reason
			}
			tasks = append(tasks, task.ID)
		}
	}
	if len(tasks) == 0 {
		return ""
	}
	text := fmt.Sprintf("%s not stored by this run, so the next one misses, too: %s", terminal.Count(len(tasks), "result was", "results were"), head(tasks))
	if reason != "" {
		text += "; " + reason
	}
	return text
}

func (a *report) allNotes() []string {
	notes := a.notes
	if a.omitted > 0 {
		notes = append(notes, fmt.Sprintf("%s not explained: name tasks to explain them", terminal.Count(a.omitted, "more miss is", "more misses are")))
	}
	if a.record.Omitted > 0 {
		notes = append(notes, fmt.Sprintf("the record lacks %s: those that are excluded, or too many for a record", terminal.Count(a.record.Omitted, "task", "tasks")))
	}
	if len(a.siblings) > 0 {
		notes = append(notes, "this CI run has other records: explain them with --run "+head(a.siblings))
	}
	return notes
}
