package gitfiles_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

func open(t *testing.T, dir string) *gitfiles.Repository {
	t.Helper()
	repository, err := gitfiles.Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	return repository
}

// The workspace is a folder of the repository, and file names are as hostile as git allows.
func TestFiles(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	dir := filepath.Join(root, "web app")
	testenv.WriteFile(t, dir, ".gitignore", "*.log\n")
	testenv.WriteFile(t, dir, "a.txt", "1")
	testenv.WriteFile(t, dir, "-n\x1b[2J\nü.txt", "1")
	testenv.WriteFile(t, root, "outside.txt", "1")
	first := testenv.Commit(t, root)
	for _, name := range []string{"a.txt", "-n\x1b[2J\nü.txt"} {
		testenv.WriteFile(t, dir, name, "2")
	}
	testenv.WriteFile(t, root, "outside.txt", "2")
	second := testenv.Commit(t, root)
	testenv.WriteFile(t, dir, "a.txt", "3")
	testenv.WriteFile(t, dir, "new/b.txt", "1")
	testenv.WriteFile(t, root, "outside-new.txt", "1")
	testenv.WriteFile(t, dir, "debug.log", "1")

	repository := open(t, dir)
	if got := gitfiles.Head(t.Context(), dir); got != second || repository.Head(t.Context()) != second {
		t.Errorf("Head: got %q, want %q", got, second)
	}
	expect(t, "Changed", []string{"-n\x1b[2J\nü.txt", "a.txt"})(repository.Changed(t.Context(), first, second))
	expect(t, "Uncommitted", []string{"a.txt", "new/b.txt"})(repository.Uncommitted(t.Context()))
	expect(t, "Ignored", []string{"debug.log"})(repository.Ignored(t.Context(), "."))
	expect(t, "Ignored below new", nil)(repository.Ignored(t.Context(), "new"))
	if got := repository.LastChange(t.Context(), first, second, "a.txt"); got == "" || !strings.HasPrefix(second, got) {
		t.Errorf("LastChange: got %q, want the beginning of %q", got, second)
	}
	if got := repository.LastChange(t.Context(), first, second, "*"); got != "" {
		t.Errorf("LastChange of a file that looks like a pattern: got %q", got)
	}
	if !repository.Knows(t.Context(), first) || repository.Knows(t.Context(), strings.Repeat("1", 40)) {
		t.Error("Knows is wrong")
	}
}

func expect(t *testing.T, what string, want []string) func([]string, error) {
	t.Helper()
	return func(got []string, err error) {
		t.Helper()
		slices.Sort(got)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v; want %q", what, got, err, want)
		}
	}
}

func TestShallowClone(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, "a.txt", "1")
	first := testenv.Commit(t, root)
	testenv.WriteFile(t, root, "a.txt", "2")
	testenv.Commit(t, root)
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, root, "clone", "--quiet", "--depth=1", "file://"+root, clone)
	repository := open(t, clone)
	if repository.Knows(t.Context(), first) || !repository.IsShallow(t.Context()) {
		t.Error("a shallow clone is not seen")
	}
	if open(t, root).IsShallow(t.Context()) {
		t.Error("a whole clone is called shallow")
	}
}

// Only full hashes may become arguments: a ref can be named like an option.
func TestOnlyHashes(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, "a.txt", "1")
	head := testenv.Commit(t, root)
	repository := open(t, root)
	out := filepath.Join(root, "out")
	for _, hostile := range []string{"", "HEAD", "main", head[:12], "--output=" + out, head + "\n", strings.ToUpper(head) + " ", head + "^"} {
		if _, err := repository.Changed(t.Context(), hostile, head); err == nil {
			t.Errorf("Changed accepts %q", hostile)
		}
		if _, err := repository.Changed(t.Context(), head, hostile); err == nil {
			t.Errorf("Changed accepts %q", hostile)
		}
		if repository.Knows(t.Context(), hostile) || repository.LastChange(t.Context(), hostile, head, "a.txt") != "" {
			t.Errorf("%q is accepted", hostile)
		}
	}
	if _, err := os.Stat(out); err == nil {
		t.Error("git wrote a file")
	}
}

func TestWithoutRepository(t *testing.T) {
	testenv.NeedGit(t)
	dir := t.TempDir()
	if got := gitfiles.Head(t.Context(), dir); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
	if _, err := gitfiles.Open(t.Context(), dir); err == nil {
		t.Error("Open succeeds")
	}
	testenv.Git(t, dir, "init", "--quiet")
	if got := gitfiles.Head(t.Context(), dir); got != "" {
		t.Errorf("before the first commit: got %q, want nothing", got)
	}
}
