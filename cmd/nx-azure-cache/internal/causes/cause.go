package causes

import "github.com/nx-azure-cache/nx-azure-cache/cache/runs"

// Cause is one reason why a task was a miss.
type Cause struct {
	Kind Kind `json:"kind"`
	// Name is of the project, variable, command, package, scope or system.
	Name string `json:"name,omitempty"`
	// Inputs are the names of Nx for the inputs that differ.
	// OmittedInputs is the number of others, if there are many that only one run has.
	Inputs        []string `json:"inputs,omitempty"`
	OmittedInputs int      `json:"omittedInputs,omitempty"`
	// Files are the first changed files of the inputs. Omitted is the number of others.
	Files   []string `json:"files,omitempty"`
	Omitted int      `json:"omittedFiles,omitempty"`
	// Commit has changed the first file.
	Commit string `json:"commit,omitempty"`
	// Text is one line that says what happened; Fix says what to do, or "".
	Text string `json:"text"`
	Fix  string `json:"fix,omitempty"`
	// IsUnstable reports whether the input differs although both runs are of one commit, and
	// not because of uncommitted changes.
	IsUnstable bool `json:"unstable,omitempty"`
	// IsOpen reports whether older records can refute the cause: none that were read has a
	// stored result of the task.
	IsOpen bool `json:"-"`
}

// Explanation is why a task was a miss. It has at least one cause.
type Explanation struct {
	Task *runs.Task
	// Against is the run whose stored result is the nearest; nil if a cause is no input.
	Against *Run
	Causes  []Cause
}

// Explain concludes from the records that were added. It leaves out the tasks for which there
// is no time: see [Evidence.Stop].
func (c *Collector) Explain(evidence Evidence) []Explanation {
	x := &explainer{collector: c, evidence: &evidence, projects: projectsOf(c.record), changes: make(map[*Run]*changedFiles)}
	all := make([]Explanation, 0, len(c.tasks))
	for _, w := range c.tasks {
		explanation := x.explain(w)
		if evidence.isStopped() {
			break // the explanation may lack files
		}
		all = append(all, explanation)
	}
	return all
}

// explainer keeps what several tasks share.
type explainer struct {
	collector *Collector
	evidence  *Evidence
	projects  projects
	changes   map[*Run]*changedFiles
}

func (x *explainer) explain(w *wanted) Explanation {
	if cause, ok := x.withoutInputs(w); ok {
		return Explanation{Task: w.task, Causes: []Cause{cause}}
	}
	if w.nearest == nil {
		cause := x.neverStored(w)
		cause.IsOpen = true
		return Explanation{Task: w.task, Causes: []Cause{cause}}
	}
	return Explanation{Task: w.task, Against: w.nearest.run, Causes: x.compared(w)}
}

// changesSince returns the changed files since another run.
func (x *explainer) changesSince(run *Run) *changedFiles {
	found, ok := x.changes[run]
	if !ok {
		found = newChangedFiles(x.evidence, run)
		x.changes[run] = found
	}
	return found
}
