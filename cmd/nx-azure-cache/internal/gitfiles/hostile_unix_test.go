//go:build unix

package gitfiles_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/gitfiles"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// hostileRepository has all settings with which git runs a program. The program leaves the
// file that is returned.
func hostileRepository(t *testing.T) (root, first, second, ran string) {
	t.Helper()
	root = t.TempDir()
	ran = filepath.Join(t.TempDir(), "ran")
	program := filepath.Join(t.TempDir(), "program")
	testenv.WriteFile(t, filepath.Dir(program), "program", "#!/bin/sh\ntouch "+ran+"\ncat\n")
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, "a.txt", "1")
	first = testenv.Commit(t, root)
	testenv.WriteFile(t, root, "a.txt", "2")
	testenv.WriteFile(t, root, ".gitattributes", "* filter=x.y diff=z\n")
	second = testenv.Commit(t, root)

	hooks := filepath.Join(root, ".git", "my-hooks")
	for _, hook := range []string{"post-index-change", "reference-transaction", "post-checkout"} {
		testenv.WriteFile(t, hooks, hook, "#!/bin/sh\ntouch "+ran+"\n")
	}
	for key, value := range map[string]string{
		"core.fsmonitor": program, "core.hooksPath": hooks, "core.pager": program, "core.sshCommand": program,
		"filter.x.y.clean": program, "filter.x.y.process": program, "filter.x.y.required": "true",
		"diff.external": program, "diff.z.textconv": program, "diff.z.command": program,
		"log.showSignature": "true", "gpg.program": program, "alias.status": "!" + program, "alias.diff-tree": "!" + program,
	} {
		testenv.Git(t, root, "config", key, value)
	}
	testenv.WriteFile(t, root, "a.txt", "3") // of the same size: git compares the contents
	return root, first, second, ran
}

func TestNothingOfTheCheckoutRuns(t *testing.T) {
	testenv.NeedGit(t)
	root, first, second, ran := hostileRepository(t)
	command := exec.Command("git", "status")
	command.Dir = root
	_ = command.Run() // its filter breaks it
	if os.Remove(ran) != nil {
		t.Fatal("the repository is not hostile: git status runs nothing of it")
	}
	repository := open(t, root)
	if got := gitfiles.Head(t.Context(), root); got != second {
		t.Errorf("Head: got %q, want %q", got, second)
	}
	expect(t, "Changed", []string{".gitattributes", "a.txt"})(repository.Changed(t.Context(), first, second))
	expect(t, "Uncommitted", []string{"a.txt"})(repository.Uncommitted(t.Context()))
	expect(t, "Ignored", nil)(repository.Ignored(t.Context(), "."))
	if repository.LastChange(t.Context(), first, second, "a.txt") == "" || !repository.Knows(t.Context(), first) || repository.IsShallow(t.Context()) {
		t.Error("the history is not read")
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("git ran a program of the checkout")
	}
}

// A checkout may contain a bare repository, with its configuration, in a folder.
func TestBareRepositoryOfTheCheckout(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet", "--bare", "bare")
	if _, err := gitfiles.Open(t.Context(), filepath.Join(root, "bare")); err == nil {
		t.Error("a bare repository is opened")
	}
}

// A partial clone fetches what it lacks, with a program that its configuration names.
func TestNothingIsFetched(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.Git(t, root, "config", "uploadpack.allowFilter", "true")
	testenv.WriteFile(t, root, "a.txt", "1")
	first := testenv.Commit(t, root)
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, root, "clone", "--quiet", "--filter=tree:0", "--no-checkout", "file://"+root, clone)
	ran := filepath.Join(root, "ran")
	testenv.WriteFile(t, root, "program", "#!/bin/sh\ntouch "+ran+"\nexit 1\n")
	testenv.Git(t, clone, "config", "remote.origin.uploadpack", filepath.Join(root, "program"))
	command := exec.Command("git", "ls-tree", "-r", first)
	command.Dir = clone
	_ = command.Run()
	if os.Remove(ran) != nil {
		t.Fatal("git ls-tree does not fetch: the test proves nothing")
	}
	repository := open(t, clone)
	if files, err := repository.Changed(t.Context(), first, "4b825dc642cb6eb9a060e54bf8d69288fbee4904"); err == nil {
		t.Errorf("got %q, want an error: the trees are not here", files)
	}
	repository.Knows(t.Context(), strings.Repeat("1", 40))
	if _, err := os.Stat(ran); err == nil {
		t.Error("git fetched")
	}
}

// A package manager puts node_modules/.bin first into PATH, and a checkout may contain it.
func TestGitOfTheCheckout(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, "a.txt", "1")
	head := testenv.Commit(t, root)
	for _, folder := range []string{"bin", "packages/app/bin", "node_modules/.bin"} {
		testenv.WriteFile(t, root, folder+"/git", "#!/bin/sh\ntouch "+root+"/ran\n")
	}
	elsewhere := t.TempDir()
	testenv.WriteFile(t, elsewhere, "node_modules/.bin/git", "#!/bin/sh\ntouch "+root+"/ran\n")
	links := t.TempDir()
	if err := errors.Join(os.Symlink(filepath.Join(root, "bin", "git"), filepath.Join(links, "git")),
		os.Symlink(filepath.Join(root, "bin"), filepath.Join(links, "bin"))); err != nil {
		t.Fatal(err)
	}
	usual := os.Getenv("PATH")
	t.Chdir(filepath.Join(root, "packages/app"))
	for name, path := range map[string]string{
		"folder of the checkout": filepath.Join(root, "bin"),
		"folder beside":          filepath.Join(root, "packages/app/bin"),
		"relative":               "bin",
		"working directory":      ".",
		"empty":                  "",
		"node_modules":           filepath.Join(elsewhere, "node_modules/.bin"),
		"link to git":            links,
		"link to the folder":     filepath.Join(links, "bin"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("PATH", path+":"+usual)
			if got := gitfiles.Head(t.Context(), filepath.Join(root, "packages/app")); got != head {
				t.Errorf("got %q, want %q", got, head)
			}
			t.Setenv("PATH", path)
			if _, err := gitfiles.Open(t.Context(), root); !errors.Is(err, gitfiles.ErrNoGit) {
				t.Errorf("got %v, want ErrNoGit", err)
			}
		})
	}
	if _, err := os.Stat(filepath.Join(root, "ran")); err == nil {
		t.Error("a git of the checkout ran")
	}
}

// Variables of a hook, or of a .env file, name another repository or a program.
func TestEnvironment(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, "a.txt", "1")
	head := testenv.Commit(t, root)
	config := t.TempDir()
	testenv.WriteFile(t, config, "git/config", "[core]\n\tworktree = /\n[include]\n\tpath = /does/not/exist\n[")
	for name, value := range map[string]string{
		"GIT_DIR": t.TempDir(), "GIT_INDEX_FILE": "/x", "GIT_CONFIG_GLOBAL": filepath.Join(config, "git/config"),
		"GIT_EXEC_PATH": config, "GIT_TRACE": filepath.Join(root, "trace"), "XDG_CONFIG_HOME": config,
		"GIT_CONFIG_COUNT": "x", "GIT_CONFIG_PARAMETERS": "x",
	} {
		t.Setenv(name, value)
	}
	if got := gitfiles.Head(t.Context(), root); got != head {
		t.Errorf("got %q, want %q", got, head)
	}
	expect(t, "Uncommitted", nil)(open(t, root).Uncommitted(t.Context()))
}

// git waits for a FIFO of the checkout; the caller's limit counts.
func TestTimeLimit(t *testing.T) {
	testenv.NeedGit(t)
	root := t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	if err := errors.Join(os.Remove(filepath.Join(root, ".git/config")), exec.Command("mkfifo", filepath.Join(root, ".git/config")).Run()); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if got := gitfiles.Head(ctx, root); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}
