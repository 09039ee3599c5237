package causes

import "time"

// Evidence is what the checkout tells. Every function may be nil.
type Evidence struct {
	// Changes returns the files that differ between the commit of another run and the run
	// that is explained.
	Changes func(*Run) Changes
	// Root returns the root of a project, relative to the workspace.
	Root func(project string) (root string, ok bool)
	// Modified returns files below folders of the workspace that changed after a time,
	// whether git ignores them or not.
	Modified func(folders []string, after time.Time) []string
	// LastChange returns the abbreviated hash of the commit that changed a file since
	// another run, or "".
	LastChange func(run *Run, file string) string
	// Packages returns the npm packages whose versions differ, such as "ms 2.1.2 → 2.1.3".
	Packages func(*Run) []string
	// NoRecords says why there are no records of other runs, and what to do; "" if they
	// were read.
	NoRecords string
	// Since is the time from which records were read, for people, such as "the last 30 days".
	Since string
}

// Changes are the files that differ, relative to the workspace.
type Changes struct {
	// Committed are the files that differ between both commits.
	Committed []string
	// Uncommitted are the files that differ from the commit of the run that is explained.
	Uncommitted []string
	// Problem says why Committed is unknown, and what to do; "" if it is known.
	Problem string
}

// maxFiles is how many files a cause names.
const maxFiles = 5

// changedFiles are the files that changed between two runs, with where that is known from.
type changedFiles struct {
	Changes
	evidence *Evidence
	run      *Run
}

// filesOf returns the changed files that an input covers.
func (c *changedFiles) filesOf(in input) (files []string, uncommitted, ignored bool) {
	root, known := "", false
	if c.evidence.Root != nil && in.project != "" {
		root, known = c.evidence.Root(in.project)
	}
	m := in.globs.compile(root, known)
	files = m.filter(files, c.Committed)
	before := len(files)
	files = m.filter(files, c.Uncommitted)
	uncommitted = len(files) > before
	if len(files) == 0 && c.evidence.Modified != nil {
		files = m.filter(files, c.evidence.Modified(in.globs.base(root), c.run.Ended))
		ignored = len(files) > 0
	}
	return files, uncommitted, ignored
}

// filter adds the files that match and are not there yet.
func (m matcher) filter(files, all []string) []string {
	seen := make(map[string]bool, len(files))
	for _, file := range files {
		seen[file] = true
	}
	for _, file := range all {
		if !seen[file] && m.matches(file) {
			seen[file] = true
			files = append(files, file)
		}
	}
	return files
}
