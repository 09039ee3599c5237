package gitfiles

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Repository is the git repository that contains a folder. Paths are relative to that
// folder, with slashes, and files outside it are left out.
type Repository struct {
	git     string
	dir     string
	prefix  string   // of dir in the repository: "" or ending with a slash
	filters []string // that the configuration defines, to be disabled
}

var (
	// ErrNoGit means that no git is installed, or only one of the checkout.
	ErrNoGit = errors.New("git is not installed")
	// ErrNoCommit means that a string is no full commit hash.
	ErrNoCommit = errors.New("not a commit hash of 40 or 64 hexadecimal digits")
)

// Open returns the repository that contains dir.
func Open(ctx context.Context, dir string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	git := find(dir, os.Getenv)
	if git == "" {
		return nil, ErrNoGit
	}
	r := &Repository{git: git, dir: dir}
	prefix, err := r.run(ctx, "rev-parse", "--show-prefix")
	if err != nil {
		return nil, err
	}
	r.prefix = strings.TrimSuffix(prefix, "\n")
	if r.filters, err = r.definedFilters(ctx); err != nil {
		return nil, err
	}
	return r, nil
}

// definedFilters returns the filters of the configuration: git runs their commands when it
// compares a file that may have changed.
func (r *Repository) definedFilters(ctx context.Context) (filters []string, err error) {
	names, err := r.run(ctx, "config", "--null", "--name-only", "--get-regexp", `^filter\.`)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.ExitCode() == 1 {
		return nil, nil // none
	}
	for _, name := range split(names) {
		filter, ok := strings.CutPrefix(name, "filter.")
		end := strings.LastIndexByte(filter, '.')
		if !ok || end < 0 || slices.Contains(filters, filter[:end]) {
			continue
		}
		if strings.Contains(filter[:end], "=") {
			return nil, errors.New("git: the name of a filter contains =, which cannot be disabled")
		}
		filters = append(filters, filter[:end])
	}
	return filters, err
}

// Head returns the commit of the checkout that contains dir, or "": no git, no repository,
// no commit yet.
func Head(ctx context.Context, dir string) string {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return ""
	}
	r := &Repository{git: find(dir, os.Getenv), dir: dir}
	if r.git == "" {
		return ""
	}
	return r.Head(ctx)
}

// Head returns the commit of the checkout, or "".
func (r *Repository) Head(ctx context.Context) string {
	out, err := r.run(ctx, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
	commit := strings.TrimSuffix(out, "\n")
	if err != nil || !IsCommit(commit) {
		return ""
	}
	return commit
}

var fullHash = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// IsCommit reports whether a string can be a full commit hash.
func IsCommit(s string) bool { return fullHash.MatchString(s) }

// Short returns the beginning of a full commit hash, for people, and "" for anything else.
func Short(commit string) string {
	if !IsCommit(commit) {
		return ""
	}
	return commit[:9]
}

// Knows reports whether the repository has a commit. A shallow clone lacks old ones.
func (r *Repository) Knows(ctx context.Context, commit string) bool {
	if !IsCommit(commit) {
		return false
	}
	_, err := r.run(ctx, "cat-file", "-e", commit+"^{commit}")
	return err == nil
}

// IsShallow reports whether the repository lacks old commits.
func (r *Repository) IsShallow(ctx context.Context) bool {
	out, err := r.run(ctx, "rev-parse", "--is-shallow-repository")
	return err == nil && strings.TrimSpace(out) == "true"
}

// Changed returns the files that differ between two commits.
func (r *Repository) Changed(ctx context.Context, from, to string) ([]string, error) {
	if !IsCommit(from) || !IsCommit(to) {
		return nil, ErrNoCommit
	}
	out, err := r.run(ctx, "diff-tree", "-r", "-z", "--name-only", "--no-renames", "--relative",
		"--no-ext-diff", "--no-textconv", "--ignore-submodules=all", "--end-of-options", from, to, "--")
	return split(out), err
}

// Uncommitted returns the files that differ from the commit of the checkout, also those
// that git does not track and does not ignore.
func (r *Repository) Uncommitted(ctx context.Context) ([]string, error) {
	out, err := r.run(ctx, "status", "--porcelain=v1", "-z", "--untracked-files=all", "--no-renames", "--ignore-submodules=all", "--", ".")
	if err != nil {
		return nil, err
	}
	var files []string
	for _, line := range split(out) { // such as " M dir/file"
		if len(line) < 4 {
			continue
		}
		if file, ok := strings.CutPrefix(line[3:], r.prefix); ok {
			files = append(files, file)
		}
	}
	return files, nil
}

// Ignored returns which of the files git ignores.
func (r *Repository) Ignored(ctx context.Context, below ...string) ([]string, error) {
	args := []string{"ls-files", "--others", "--ignored", "--exclude-standard", "-z", "--"}
	out, err := r.run(ctx, append(args, below...)...)
	return split(out), err
}

// LastChange returns the abbreviated hash of the newest commit after from, up to to, that
// changed a file, or "".
func (r *Repository) LastChange(ctx context.Context, from, to, file string) string {
	if !IsCommit(from) || !IsCommit(to) {
		return ""
	}
	out, err := r.run(ctx, "rev-list", "--max-count=1", "--abbrev-commit", "--end-of-options", to, "^"+from, "--", file)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(out)
}

func split(out string) []string {
	if out == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(out, "\x00"), "\x00")
}

// Show returns the content of a file in a commit.
func (r *Repository) Show(ctx context.Context, commit, file string) (string, error) {
	if !IsCommit(commit) {
		return "", ErrNoCommit
	}
	return r.run(ctx, "cat-file", "blob", commit+":./"+file)
}
