package misses

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
)

// checkout is the workspace on this machine. Whatever it says is only a help.
type checkout struct {
	ctx        context.Context
	root       string
	repository *gitfiles.Repository // nil without git
	problem    string               // why there is none
	commit     string               // of the run that is explained
	// isOfRun reports whether the files are those of the run that is explained.
	isOfRun bool
	// uncommitted returns the files that differ from the commit of the run.
	uncommitted func() []string
	graph       map[string]string // roots of projects
	maxGraph    int64             // bytes of the file that has them; 0: the constant
	packages    map[*causes.Run][]string
	commits     map[string]bool // that git has
	asked       int             // how many questions about single files git has answered
}

// maxQuestions is how many questions about single files git gets. Each takes some
// milliseconds.
const maxQuestions = 50

func newCheckout(ctx context.Context, document config.Document, run found) *checkout {
	c := &checkout{ctx: ctx, root: document.WorkspaceRoot, commit: run.record.Source.Commit, packages: make(map[*causes.Run][]string), commits: make(map[string]bool), uncommitted: nothing}
	if c.root == "" {
		c.problem = "the workspace is unknown: run npx nx-azure-cache explain in it"
		return c
	}
	repository, err := gitfiles.Open(ctx, c.root)
	switch {
	case errors.Is(err, gitfiles.ErrNoGit):
		c.problem = "git is not installed here"
		return c
	case err != nil:
		c.problem = "git cannot read the workspace"
		return c
	}
	c.repository = repository
	head := repository.Head(ctx)
	if c.commit == "" && run.isLocal {
		c.commit = head
	}
	if run.isLocal && head == c.commit {
		c.isOfRun = true
		c.uncommitted = sync.OnceValue(func() []string {
			files, _ := repository.Uncommitted(ctx) // none are known if it fails
			return files
		})
	}
	return c
}

func nothing() []string { return nil }

// evidence is what package causes may ask.
func (c *checkout) evidence() causes.Evidence {
	evidence := causes.Evidence{Changes: c.changes, Root: c.projectRoot}
	if c.repository == nil {
		return evidence
	}
	evidence.LastChange, evidence.Packages = c.lastChange, c.versions
	if c.isOfRun {
		evidence.Modified = c.modified
	}
	return evidence
}

func (c *checkout) changes(run *causes.Run) causes.Changes {
	changes := causes.Changes{Uncommitted: c.uncommitted(), Problem: c.problem}
	if c.repository == nil {
		return changes
	}
	switch {
	case run.Commit == "" || c.commit == "":
		changes.Problem = "the commit of a run is unknown"
	case run.Commit == c.commit:
		return changes
	case !c.knows(run.Commit):
		changes.Problem = c.missing(run.Commit)
	case !c.knows(c.commit):
		changes.Problem = c.missing(c.commit)
	}
	if changes.Problem != "" {
		return changes
	}
	var err error
	if changes.Committed, err = c.repository.Changed(c.ctx, run.Commit, c.commit); err != nil {
		changes.Problem = "git cannot compare the commits"
	}
	return changes
}

// knows reports whether git has a commit. It asks once.
func (c *checkout) knows(commit string) bool {
	known, ok := c.commits[commit]
	if !ok {
		known = c.repository.Knows(c.ctx, commit)
		c.commits[commit] = known
	}
	return known
}

// missing says how to get a commit that git does not have. The commit comes from a record.
func (c *checkout) missing(commit string) string {
	if !gitfiles.IsCommit(commit) {
		return "the record has no valid commit"
	}
	if c.repository.IsShallow(c.ctx) {
		return fmt.Sprintf("this shallow clone lacks commit %s; run git fetch --unshallow (in CI, set fetch-depth: 0)", gitfiles.Short(commit))
	}
	return fmt.Sprintf("git lacks commit %s here; run git fetch origin %s", gitfiles.Short(commit), commit)
}

func (c *checkout) lastChange(run *causes.Run, file string) string {
	if c.asked++; c.asked > maxQuestions || !c.knows(run.Commit) || !c.knows(c.commit) {
		return ""
	}
	return c.repository.LastChange(c.ctx, run.Commit, c.commit, file)
}

// modified returns files that git ignores and that changed after a time.
func (c *checkout) modified(folders []string, after time.Time) []string {
	if c.asked++; c.asked > maxQuestions {
		return nil
	}
	for i, folder := range folders {
		if folder == "" {
			folders[i] = "."
		}
	}
	files, err := c.repository.Ignored(c.ctx, folders...)
	if err != nil {
		return nil
	}
	root, err := os.OpenRoot(c.root)
	if err != nil {
		return nil
	}
	defer root.Close() // reading only: nothing is lost
	var changed []string
	for _, file := range files {
		if info, err := root.Lstat(filepath.FromSlash(file)); err == nil && !info.IsDir() && info.ModTime().After(after) {
			changed = append(changed, file)
		}
	}
	return changed
}
