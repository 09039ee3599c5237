package causes

import (
	"slices"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Run is what is known of another run.
type Run struct {
	Session string      `json:"session"`
	Scope   trust.Scope `json:"scope"`
	Ended   time.Time   `json:"ended"`
	Commit  string      `json:"commit,omitempty"`
	Ref     string      `json:"ref,omitempty"`
	URL     string      `json:"run,omitempty"` // of the CI run
	OS      string      `json:"os,omitempty"`
	Arch    string      `json:"arch,omitempty"`
	Nx      string      `json:"nx,omitempty"`
}

// RunOf describes the run of a record.
func RunOf(record *runs.Record) *Run {
	return &Run{
		Session: record.Session, Scope: record.Scope, Ended: record.Ended,
		Commit: record.Source.Commit, Ref: record.Source.Ref, URL: record.Source.Run,
		OS: record.OS, Arch: record.Arch, Nx: record.Nx,
	}
}

// event is what a run did with a task.
type event struct {
	run   *Run
	scope trust.Scope // that has the entry, or that the run writes
	task  runs.Task   // without its inputs
}

func (e *event) isOlderThan(run *Run) bool { return e == nil || e.run.Ended.Before(run.Ended) }

// wanted is a task that is explained, with what other runs did with it.
type wanted struct {
	task   *runs.Task
	inputs []int // see [Collector.distinct]

	nearest *comparison // with the nearest stored result of another hash
	lost    *event      // the newest that stored another hash of the task not at all
	foreign *event      // the newest of the task in a scope that the run does not read

	// Of the same hash: the newest that stored or read it before the run; that stored it while
	// the run ran; that stored or read it in a scope that the run does not read; that did not
	// store it.
	before, during, elsewhere, notStored *event
}

// comparison is a stored result of another run, and the inputs that differ.
type comparison struct {
	run *Run
	// equal is the number of equal inputs, or -1 if one of the records has no inputs.
	equal, different int
	changed          []string // with another value
	here, there      []string // that only one of the tasks has: the first maxOnly of each
	omitted          int      // the number of others
	// isHidden reports whether only one of the tasks has inputs that the other record may
	// leave out.
	isHidden bool
}

// maxOnly is how many names of each task a comparison keeps. Those of other records could
// take any memory. The others are names of the record that is explained.
const maxOnly = 100

func (c comparison) isNearerThan(other *comparison) bool {
	switch {
	case other == nil:
		return true
	case c.equal != other.equal:
		return c.equal > other.equal
	case c.different != other.different:
		return c.different < other.different
	}
	return c.run.Ended.After(other.run.Ended)
}

// Collector compares a run with others, one at a time. It keeps what it needs of each, so
// its memory depends on the run that is explained only.
type Collector struct {
	record *runs.Record
	reads  []trust.Scope
	tasks  []*wanted
	byID   map[string]*wanted
	byHash map[string][]*wanted

	inputs   map[runs.Input]int // index of each input of the record, the first one of equal ones
	repeated bool               // the record has equal inputs
	marks    []int              // per input: the number of the comparison that has it
	mark     int

	// Readable is how many records of scopes the collector has seen that the run reads.
	Readable int
}

// New returns a collector for tasks of a record. reads are the scopes that the run reads.
func New(record *runs.Record, tasks []*runs.Task, reads []trust.Scope) *Collector {
	c := &Collector{
		record: record, reads: reads,
		byID: make(map[string]*wanted, len(tasks)), byHash: make(map[string][]*wanted, len(tasks)),
		inputs: make(map[runs.Input]int, len(record.Inputs)),
		marks:  make([]int, len(record.Inputs)),
	}
	for i, in := range record.Inputs {
		if _, ok := c.inputs[in]; ok {
			c.repeated = true
		} else {
			c.inputs[in] = i
		}
	}
	for _, task := range tasks {
		w := &wanted{task: task, inputs: c.distinct(task.Inputs)}
		c.tasks = append(c.tasks, w)
		c.byID[task.ID] = w
		if task.Hash != "" {
			c.byHash[task.Hash] = append(c.byHash[task.Hash], w)
		}
	}
	return c
}

// distinct returns the inputs of a task, with the first one of equal inputs for each. A record
// that was never encoded may have equal inputs: different values may have equal tags.
func (c *Collector) distinct(inputs []int) []int {
	if !c.repeated || inputs == nil {
		return inputs
	}
	distinct := make([]int, len(inputs))
	for i, input := range inputs {
		distinct[i] = c.inputs[c.record.Inputs[input]]
	}
	slices.Sort(distinct)
	return slices.Compact(distinct)
}

// Add compares the run with another one. It reports false for the run itself and for later
// ones, which tell nothing.
func (c *Collector) Add(record *runs.Record) bool {
	if record.Session == c.record.Session || record.Started.After(c.record.Ended) {
		return false
	}
	isReadable := c.isRead(record.Scope)
	if isReadable {
		c.Readable++
	}
	run := RunOf(record)
	var translated []int
	for i := range record.Tasks {
		task := &record.Tasks[i]
		for _, w := range c.byHash[task.Hash] {
			c.addSame(w, run, task)
		}
		w := c.byID[task.ID]
		switch {
		case w == nil || task.Hash != "" && task.Hash == w.task.Hash:
		case !isReadable:
			keep(&w.foreign, run, run.Scope, task)
		case !task.IsStored():
			if task.IsMiss() { // otherwise the run made no result
				keep(&w.lost, run, run.Scope, task)
			}
		case record.Ended.Before(c.record.Ended):
			if translated == nil {
				translated = c.translate(record.Inputs)
			}
			c.compare(w, run, record, task, translated)
		}
	}
	return true
}

func (c *Collector) isRead(scope trust.Scope) bool { return slices.Contains(c.reads, scope) }

// addSame adds what a run did with the same hash. A run that read the entry may have read that
// of this run, and tells nothing about who stored it.
func (c *Collector) addSame(w *wanted, run *Run, task *runs.Task) {
	scope := run.Scope // that has the entry
	if task.Outcome == runs.RemoteHit && (task.From != "" || !c.isRead(scope)) {
		scope = task.From
	}
	switch {
	case !task.IsStored():
		if c.isRead(scope) && task.IsMiss() {
			keep(&w.notStored, run, scope, task)
		}
	case scope == "": // unknown
	case !c.isRead(scope):
		keep(&w.elsewhere, run, scope, task)
	case !c.isRead(run.Scope): // it is not trusted to tell what this run reads
	case run.Ended.Before(c.record.Started):
		keep(&w.before, run, scope, task)
	case task.Outcome == runs.Stored && !c.hasStored(w, scope):
		keep(&w.during, run, scope, task)
	}
}

// hasStored reports whether the run has stored the task in a scope, so that the scope did not
// have it.
func (c *Collector) hasStored(w *wanted, scope trust.Scope) bool {
	return w.task.Outcome == runs.Stored && c.record.Scope == scope
}

// keep keeps the newest event.
func keep(newest **event, run *Run, scope trust.Scope, task *runs.Task) {
	if (*newest).isOlderThan(run) {
		kept := *task
		kept.Inputs = nil
		*newest = &event{run, scope, kept}
	}
}

// translate returns, for each input of another record, its index in this one, or -1.
func (c *Collector) translate(inputs []runs.Input) []int {
	translated := make([]int, len(inputs))
	for i, in := range inputs {
		index, ok := c.inputs[in]
		if !ok {
			index = -1
		}
		translated[i] = index
	}
	return translated
}

// compare keeps a stored result if it is nearer than the nearest one so far.
func (c *Collector) compare(w *wanted, run *Run, record *runs.Record, task *runs.Task, translated []int) {
	found := comparison{run: run, equal: -1}
	if w.inputs != nil && task.Inputs != nil {
		c.mark++
		for _, i := range task.Inputs {
			if index := translated[i]; index >= 0 {
				c.marks[index] = c.mark
			}
		}
		found.equal = 0
		for _, i := range w.inputs {
			if c.marks[i] == c.mark {
				found.equal++
			}
		}
		found.different = len(w.inputs) + len(task.Inputs) - 2*found.equal
	}
	if !found.isNearerThan(w.nearest) {
		return
	}
	w.nearest = &comparison{run: run, equal: found.equal, different: found.different}
	if found.equal >= 0 {
		w.nearest.name(c, w.inputs, record, task, translated)
	}
}

// name finds the names of the inputs that differ.
func (found *comparison) name(c *Collector, here []int, record *runs.Record, there *runs.Task, translated []int) {
	var only []string // here
	for _, i := range here {
		if c.marks[i] != c.mark {
			only = append(only, c.record.Inputs[i].Name)
		}
	}
	marked := make(map[int]bool, len(here))
	for _, i := range here {
		marked[i] = true
	}
	others := make(map[string]bool) // names that are only there, with this value
	for _, i := range there.Inputs {
		if index := translated[i]; index < 0 || !marked[index] {
			others[record.Inputs[i].Name] = true
		}
	}
	for _, name := range only {
		if others[name] {
			found.changed = append(found.changed, name)
			delete(others, name)
		} else {
			found.here = append(found.here, name)
		}
	}
	for name := range others {
		found.there = append(found.there, name)
	}
	slices.Sort(found.changed)
	found.here = found.only(found.here, record)
	found.there = found.only(found.there, c.record)
}

// only returns the names that are kept of those that another record lacks.
func (found *comparison) only(names []string, other *runs.Record) []string {
	shown := withoutHidden(slices.Clone(names), other)
	found.isHidden = found.isHidden || len(shown) < len(names)
	slices.Sort(shown)
	if more := len(shown) - maxOnly; more > 0 {
		found.omitted += more
		shown = slices.Clone(shown[:maxOnly])
	}
	return shown
}

// withoutHidden leaves out the inputs that another record may lack only because it was
// shared: see [runs.Record.Shared].
func withoutHidden(names []string, other *runs.Record) []string {
	if other.Omitted == 0 || len(names) == 0 {
		return names
	}
	known := projectsOf(other)
	return slices.DeleteFunc(names, func(name string) bool {
		project := known.parse(name, "").project
		return project != "" && !known[project]
	})
}
