package misses

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// Options are what people ask.
type Options struct {
	Tasks  []string  // patterns; none means all misses
	Run    string    // session or URL; "" is the last run on this machine
	Since  time.Time // the oldest records that are read
	Period string    // the day of Since, for people, such as "2026-11-01"
	Limit  int       // the most records of each scope; 0 means no limit of this command
	JSON   bool
}

// MaxTasks is how many tasks are explained at most, so that the work is bounded.
const MaxTasks = 5000

// Explain prints why tasks of a run were misses.
func Explain(ctx context.Context, workspace config.Workspace, options Options, stdout, stderr io.Writer) error {
	storage := openStorage(workspace)
	progress := newProgress(stderr)
	defer progress.clear()
	found, err := findRun(ctx, workspace.Document, storage, options, progress)
	if err != nil {
		return err
	}
	report, err := newReport(found, options)
	if err != nil {
		return err
	}
	if len(report.misses) > 0 {
		report.compare(ctx, storage, workspace.Document, options, progress)
	}
	progress.clear()
	if options.JSON {
		return report.writeJSON(stdout)
	}
	return report.writeText(stdout)
}

// report is what is printed.
type report struct {
	found
	hits    []*runs.Task // asked for by name
	others  []*runs.Task // neither hits nor misses, asked for by name
	misses  []*runs.Task
	omitted int // misses that are not explained
	all     []causes.Explanation
	records int
	notes   []string
}

// newReport selects the tasks.
func newReport(found found, options Options) (*report, error) {
	a := &report{found: found, misses: causes.Misses(found.record)}
	if len(options.Tasks) > 0 {
		matches := selector(options.Tasks)
		a.misses = slices.DeleteFunc(a.misses, func(task *runs.Task) bool { return !matches(task.ID) })
		a.addNamed(matches)
		if len(a.misses)+len(a.hits)+len(a.others) == 0 {
			return nil, fmt.Errorf("no task of the run matches %s: the record of the %s has %s; npx nx-azure-cache explain --json lists the misses%s",
				options.Tasks, causes.RunOf(found.record), terminal.Count(len(found.record.Tasks), "task", "tasks"), aboutExcluded(found.record))
		}
	}
	if more := len(a.misses) - MaxTasks; more > 0 {
		a.misses, a.omitted = a.misses[:MaxTasks], more
	}
	return a, nil
}

// aboutExcluded says where excluded tasks are, if a record may lack some.
func aboutExcluded(record *runs.Record) string {
	if record.Omitted == 0 {
		return ""
	}
	return ". Only the last run on each machine knows its excluded tasks"
}

func (a *report) addNamed(matches func(string) bool) {
	isMiss := make(map[*runs.Task]bool, len(a.misses))
	for _, task := range a.misses {
		isMiss[task] = true
	}
	for i := range a.record.Tasks {
		task := &a.record.Tasks[i]
		switch {
		case isMiss[task] || !matches(task.ID):
		case task.Outcome == runs.RemoteHit || task.Outcome == runs.LocalHit:
			a.hits = append(a.hits, task)
		default:
			a.others = append(a.others, task)
		}
	}
}

func selector(patterns []string) func(string) bool {
	var all []func(string) bool
	for _, pattern := range patterns {
		all = append(all, taskfilter.OfName(pattern))
	}
	return func(id string) bool {
		return slices.ContainsFunc(all, func(matches func(string) bool) bool { return matches(id) })
	}
}

// maxOverlap is how much later than the explained run others may have ended. They may have
// stored a result while it ran.
const maxOverlap = time.Hour

// compare explains the misses.
func (a *report) compare(ctx context.Context, storage *storage, document config.Document, options Options, progress *progress) {
	reads := trust.Run{Scope: a.record.Scope}.Reads()
	collector := causes.New(a.record, a.misses, reads)
	evidence := newCheckout(ctx, document, a.found).evidence()
	evidence.Since = options.Period
	add := func(record *runs.Record) {
		if collector.Add(record) {
			a.records++
		}
	}
	query := history.Query{Since: options.Since, Until: a.record.Ended.Add(maxOverlap), Except: a.record.Session, Limit: options.Limit}
	skipped, err := storage.read(ctx, reads, query, progress, add)
	a.notes = append(a.notes, describeSkipped(skipped)...)
	if err != nil {
		a.notes = append(a.notes, printable.Line(err.Error()))
	} else {
		storage.readOthers(ctx, reads, query, progress, add)
	}
	if collector.Readable == 0 && len(a.notes) > 0 {
		evidence.NoRecords = a.notes[len(a.notes)-1]
	}
	if skipped.IsLimited {
		evidence.Newest = cmp.Or(options.Limit, history.MaxRecords)
	}
	a.all = collector.Explain(evidence)
}
