package misses

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/causes"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// workspaceOf returns a repository with two commits.
func workspaceOf(t *testing.T) (root, first, second string) {
	t.Helper()
	testenv.NeedGit(t)
	root = t.TempDir()
	testenv.Git(t, root, "init", "--quiet")
	testenv.WriteFile(t, root, ".gitignore", "dist\n.nx\n")
	testenv.WriteFile(t, root, "a.txt", "1")
	testenv.WriteFile(t, root, "package.json", `{"dependencies": {"ms": "1.0.0"}}`)
	first = testenv.Commit(t, root)
	testenv.WriteFile(t, root, "a.txt", "2")
	testenv.WriteFile(t, root, "package.json", `{"dependencies": {"ms": "2.0.0"}}`)
	return root, first, testenv.Commit(t, root)
}

func open(t *testing.T, root, commit string, isLocal bool) *checkout {
	t.Helper()
	record := &runs.Record{Source: runs.Source{Commit: commit}}
	return newCheckout(t.Context(), config.Document{WorkspaceRoot: root}, found{record: record, isLocal: isLocal})
}

func TestChanges(t *testing.T) {
	root, first, second := workspaceOf(t)
	testenv.WriteFile(t, root, "new.txt", "1")
	for name, test := range map[string]struct {
		here, there            string
		isLocal                bool
		committed, uncommitted []string
		problem                string
	}{
		"the last run here":    {second, first, true, []string{"a.txt", "package.json"}, []string{"new.txt"}, ""},
		"without a commit":     {"", first, true, []string{"a.txt", "package.json"}, []string{"new.txt"}, ""},
		"a run of CI":          {second, first, false, []string{"a.txt", "package.json"}, nil, ""},
		"an older run here":    {first, second, true, []string{"a.txt", "package.json"}, nil, ""},
		"the same commit":      {second, second, true, nil, []string{"new.txt"}, ""},
		"an unknown commit":    {second, strings.Repeat("1", 40), true, nil, []string{"new.txt"}, "run git fetch origin 1111"},
		"unknown here":         {strings.Repeat("1", 40), first, false, nil, nil, "run git fetch origin 1111"},
		"no commit":            {second, "", true, nil, []string{"new.txt"}, "the commit of a run is unknown"},
		"a commit that is not": {second, "--output=x", true, nil, []string{"new.txt"}, "no valid commit"},
	} {
		t.Run(name, func(t *testing.T) {
			got := open(t, root, test.here, test.isLocal).changes(&causes.Run{Commit: test.there})
			if !slices.Equal(got.Committed, test.committed) || !slices.Equal(got.Uncommitted, test.uncommitted) ||
				!strings.Contains(got.Problem, test.problem) || (got.Problem == "") != (test.problem == "") {
				t.Errorf("got %+v", got)
			}
		})
	}
	if got := open(t, "", second, true).changes(&causes.Run{Commit: first}); got.Problem == "" {
		t.Error("without a workspace there is no problem")
	}
	t.Setenv("PATH", "")
	if got := open(t, root, second, true).changes(&causes.Run{Commit: first}); got.Problem != "git is not installed here" {
		t.Errorf("without git: got %+v", got)
	}
}

func TestShallowClone(t *testing.T) {
	root, first, second := workspaceOf(t)
	clone := filepath.Join(t.TempDir(), "clone")
	testenv.Git(t, root, "clone", "--quiet", "--depth=1", "file://"+root, clone)
	if got := open(t, clone, second, true).changes(&causes.Run{Commit: first}); !strings.Contains(got.Problem, "git fetch --unshallow") {
		t.Errorf("got %+v", got)
	}
}

func TestPackages(t *testing.T) {
	root, first, second := workspaceOf(t)
	want := []string{"ms 1.0.0 → 2.0.0"}
	for _, isLocal := range []bool{true, false} {
		c := open(t, root, second, isLocal)
		if got := c.versions(&causes.Run{Commit: first}); !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	testenv.WriteFile(t, root, "package.json", `{"dependencies": {"ms": "3.0.0"}}`)
	if got := open(t, root, second, true).versions(&causes.Run{Commit: first}); !slices.Equal(got, []string{"ms 1.0.0 → 3.0.0"}) {
		t.Errorf("not committed: got %q", got)
	}
}

func TestModified(t *testing.T) {
	root, _, second := workspaceOf(t)
	then := time.Now().Add(-time.Hour)
	for _, name := range []string{"dist/new.js", "dist/old.js"} {
		testenv.WriteFile(t, root, name, "1")
	}
	if err := os.Chtimes(filepath.Join(root, "dist/old.js"), then, then); err != nil {
		t.Fatal(err)
	}
	c := open(t, root, second, true)
	for _, folder := range []string{"dist", ""} {
		if got := c.modified([]string{folder}, then.Add(time.Minute)); !slices.Equal(got, []string{"dist/new.js"}) {
			t.Errorf("%q: got %q", folder, got)
		}
	}
	for _, folder := range []string{"none", "/etc", "../"} {
		if got := c.modified([]string{folder}, then); len(got) > 0 {
			t.Errorf("%q: got %q", folder, got)
		}
	}
	for range 2 * maxQuestions {
		c.modified([]string{"dist"}, then)
	}
	if got := c.modified([]string{"dist"}, then); got != nil {
		t.Errorf("git is asked without a limit: got %q", got)
	}
}

// The project graph belongs to the checkout.
func TestProjectRoot(t *testing.T) {
	root := t.TempDir()
	testenv.WriteFile(t, root, graphFile, `{"nodes": {"shop": {"data": {"root": "apps/shop"}}, "top": {"data": {"root": "."}}, "evil": {"data": {"root": "../../etc"}}, "abs": {"data": {"root": "/etc"}}}}`)
	c := &checkout{root: root}
	for project, want := range map[string]string{"shop": "apps/shop", "top": ".", "evil": "", "abs": "", "none": ""} {
		if got, ok := c.projectRoot(project); got != want || ok != (want != "") {
			t.Errorf("%s: got %q, %v", project, got, ok)
		}
	}
	for name, content := range map[string]string{"not JSON": "{", "other types": `{"nodes": []}`} {
		testenv.WriteFile(t, root, graphFile, content)
		if got, ok := (&checkout{root: root}).projectRoot("shop"); ok {
			t.Errorf("%s: got %q", name, got)
		}
	}
}
