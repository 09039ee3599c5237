package causes

import "time"

// Evidence is what the checkout tells. Every function may be nil.
type Evidence struct {
	// Changes returns the files that differ between the commit of another run and the run
	// that is explained.
	Changes func(*Run) Changes
	// Root returns the root of a project, relative to the workspace.
	Root func(project string) (root string, ok bool)
	// Modified returns files below folders of the workspace that git ignores and that changed
	// after a time.
	Modified func(folders []string, after time.Time) []string
	// LastChange returns the abbreviated hash of the commit that changed a file since
	// another run, or "".
	LastChange func(run *Run, file string) string
	// Packages returns the npm packages whose versions differ, such as "ms 2.1.2 → 2.1.3".
	Packages func(*Run) []string
	// NoRecords says why there are no records of other runs, and what to do; "" if they
	// were read.
	NoRecords string
	// Stop reports whether there is no more time.
	Stop func() bool
	// Since is the day from which records were read, for people, such as "2026-11-01".
	Since string
	// Newest is how many records of each scope were read if there are older ones; 0 if all
	// since that day were read.
	Newest int
}

func (e *Evidence) isStopped() bool { return e.Stop != nil && e.Stop() }

// Changes are the files that differ, relative to the workspace.
type Changes struct {
	// Committed are the files that differ between both commits.
	Committed []string
	// Uncommitted are the files that differ from the commit of the run that is explained, apart
	// from those that git ignores.
	Uncommitted []string
	// Problem says why Committed is unknown, and what to do; "" if it is known.
	Problem string
}

const (
	maxFiles = 5 // that a cause names
	// maxChanged is how many changed files are matched with inputs, so that the work is
	// bounded.
	maxChanged = 20_000
)

// changedFiles are the files that changed between two runs, with where that is known from.
// Each question about them is asked once.
type changedFiles struct {
	Changes
	evidence *Evidence
	run      *Run
	byInput  map[string]inputFiles
	commits  map[string]string // by file

	isCommitted, isUncommitted map[string]bool
}

// inputFiles are the changed files of an input.
type inputFiles struct {
	files   []string
	ignored bool // by git
}

func newChangedFiles(evidence *Evidence, run *Run) *changedFiles {
	c := &changedFiles{evidence: evidence, run: run, byInput: make(map[string]inputFiles), commits: make(map[string]string)}
	if evidence.Changes != nil {
		c.Changes = evidence.Changes(run)
		c.Committed = c.Committed[:min(len(c.Committed), maxChanged)]
		c.Uncommitted = c.Uncommitted[:min(len(c.Uncommitted), maxChanged)]
	}
	c.isCommitted, c.isUncommitted = setOf(c.Committed), setOf(c.Uncommitted)
	return c
}

func setOf(files []string) map[string]bool {
	set := make(map[string]bool, len(files))
	for _, file := range files {
		set[file] = true
	}
	return set
}

// filesOf returns the changed files that an input covers.
func (c *changedFiles) filesOf(name string, in input) inputFiles {
	found, ok := c.byInput[name]
	if !ok {
		found = c.find(in)
		c.byInput[name] = found
	}
	return found
}

func (c *changedFiles) find(in input) (found inputFiles) {
	if c.evidence.isStopped() {
		return inputFiles{}
	}
	root, known := "", false
	if c.evidence.Root != nil && in.project != "" {
		root, known = c.evidence.Root(in.project)
	}
	m := in.globs.compile(root, known)
	found.files = c.filter(m, c.filter(m, nil, c.Committed), c.Uncommitted)
	if len(found.files) == 0 && c.evidence.Modified != nil {
		modified := c.evidence.Modified(in.globs.base(root), c.run.Ended)
		found.files = c.filter(m, nil, modified[:min(len(modified), maxChanged)])
		found.ignored = len(found.files) > 0
	}
	return found
}

// commitOf returns the commit that changed a file, or "".
func (c *changedFiles) commitOf(file string) string {
	commit, ok := c.commits[file]
	if !ok && c.evidence.LastChange != nil && c.isCommitted[file] {
		commit = c.evidence.LastChange(c.run, file)
	}
	c.commits[file] = commit
	return commit
}

// filter adds the files that match and are not there yet.
func (c *changedFiles) filter(m matcher, files, all []string) []string {
	seen := setOf(files)
	for i, file := range all {
		if i%256 == 255 && c.evidence.isStopped() {
			return files
		}
		if !seen[file] && m.matches(file) {
			seen[file] = true
			files = append(files, file)
		}
	}
	return files
}
