//go:build !windows

package jobsummary

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// redirections put something at a path that must not be written to.
var redirections = map[string]func(path, outside string) error{
	"a link":         func(path, outside string) error { return os.Symlink(outside, path) },
	"a broken link":  func(path, outside string) error { return os.Symlink(outside+"-new", path) },
	"a folder":       func(path, _ string) error { return os.Mkdir(path, 0o755) },
	"a FIFO":         func(path, _ string) error { return syscall.Mkfifo(path, 0o600) },
	"a link to FIFO": func(path, _ string) error { return os.Symlink("fifo", path) },
}

// Nothing at the place of a file redirects a summary, and none of it makes a run wait.
func TestRedirections(t *testing.T) {
	for name, put := range redirections {
		for _, file := range []string{"step.md", "totals.jsonl", ".nx/cache/nx-azure-cache-metrics.txt", ".nx/cache/nx-azure-cache-metrics.lock"} {
			t.Run(name+" at "+file, func(t *testing.T) {
				workspace, outside := t.TempDir(), emptyFile(t, "precious")
				path := filepath.Join(workspace, file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := put(path, outside); err != nil {
					t.Fatal(err)
				}
				checkRefused(t, workspace, path)
				checkOutside(t, outside)
			})
		}
	}
}

// checkRefused checks that a run reports why it cannot write the file at a path.
func checkRefused(t *testing.T, workspace, path string) {
	t.Helper()
	o := in(workspace, onGitHub(path))
	switch {
	case strings.HasSuffix(path, ".jsonl"):
		o = in(workspace, nil)
		o.File = path
	case strings.Contains(path, ".nx"):
		o = in(workspace, map[string]string{"GITLAB_CI": "true", "CI_JOB_ID": "77"})
	}
	err := Write(t.Context(), usual(), o)
	if err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("got %v, want an error of one line", err)
	}
}

func checkOutside(t *testing.T, outside string) {
	t.Helper()
	if got := read(t, outside); got != "precious" {
		t.Errorf("wrote %q to the target of the link", got)
	}
	if entries, err := os.ReadDir(filepath.Dir(outside)); err != nil || len(entries) != 1 {
		t.Errorf("made %v beside the target of the link (%v)", entries, err)
	}
}

// A link on the way redirects nothing, if a checkout may contain it.
func TestLinksOnTheWay(t *testing.T) {
	for link, file := range map[string]string{"reports": "reports/totals.jsonl", ".nx": ".nx/totals.jsonl", "a/b": "a/b/totals.jsonl"} {
		workspace, outside := t.TempDir(), emptyFile(t, "precious")
		if err := os.MkdirAll(filepath.Dir(filepath.Join(workspace, link)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Dir(outside), filepath.Join(workspace, link)); err != nil {
			t.Fatal(err)
		}
		// Another name of the workspace is no way around.
		other := filepath.Join(t.TempDir(), "other")
		if err := os.Symlink(workspace, other); err != nil {
			t.Fatal(err)
		}
		for _, root := range []string{workspace, other} {
			checkRefused(t, workspace, filepath.Join(root, file))
			checkOutside(t, outside)
		}
		if link == ".nx" {
			write(t, usual(), in(workspace, map[string]string{"GITLAB_CI": "true"})) // see TestNoPlace
			checkOutside(t, outside)
		}
	}
}

// The workspace may be a subfolder of the checkout.
func TestLinksBesideTheWorkspace(t *testing.T) {
	repository, outside := t.TempDir(), emptyFile(t, "precious")
	workspace := filepath.Join(repository, "web", "shop")
	for _, folder := range []string{workspace, filepath.Join(repository, ".git")} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Dir(outside), filepath.Join(repository, "reports")); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, workspace, filepath.Join(repository, "reports", "totals.jsonl"))
	checkOutside(t, outside)
}

// The environment may choose a path outside the workspace that leads through links.
func TestLinksOutside(t *testing.T) {
	target := emptyFile(t, "")
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Dir(target), link); err != nil {
		t.Fatal(err)
	}
	write(t, usual(), in(t.TempDir(), onGitHub(filepath.Join(link, filepath.Base(target)))))
	if read(t, target) == "" {
		t.Error("got no summary")
	}
}

// A file that cannot be written is one error that names the variable.
func TestUnwritable(t *testing.T) {
	full := emptyFile(t, strings.Repeat("x", maxStep-100))
	for variable, env := range map[string]map[string]string{
		"GITHUB_STEP_SUMMARY: ":                      onGitHub(t.TempDir()),
		"GITHUB_STEP_SUMMARY: it has 1.0 MB already": onGitHub(full),
		"AGENT_TEMPDIRECTORY: ":                      {"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": full},
	} {
		err := Write(t.Context(), usual(), in(t.TempDir(), env))
		if err == nil || !strings.HasPrefix(err.Error(), variable) {
			t.Errorf("got %v, want %s…", err, variable)
		}
	}
	if got := read(t, full); len(got) != maxStep-100 {
		t.Errorf("the file has %d bytes, want that nothing is appended", len(got))
	}
}

// A job without a place for its summary gets none, and only the log says so. Nothing makes the
// place: GitHub's runner makes the file.
func TestNoPlace(t *testing.T) {
	folder, linked := t.TempDir(), t.TempDir()
	if err := os.Symlink(t.TempDir(), filepath.Join(linked, ".nx")); err != nil {
		t.Fatal(err)
	}
	for what, o := range map[string]Options{
		"GITHUB_STEP_SUMMARY: ": in(t.TempDir(), onGitHub(filepath.Join(folder, "missing"))),
		"AGENT_TEMPDIRECTORY: ": in(t.TempDir(), map[string]string{"TF_BUILD": "True", "AGENT_TEMPDIRECTORY": filepath.Join(folder, "missing")}),
		"the metrics report: ":  in(linked, map[string]string{"GITLAB_CI": "true"}),
	} {
		var log strings.Builder
		ctx := zerolog.New(&log).WithContext(t.Context())
		if err := Write(ctx, usual(), o); err != nil {
			t.Errorf("got %v, want no line for people", err)
		}
		if !strings.Contains(log.String(), what) || !strings.Contains(log.String(), `"level":"debug"`) {
			t.Errorf("the log has %s, want %s…", &log, what)
		}
	}
	if entries, err := os.ReadDir(folder); err != nil || len(entries) > 0 {
		t.Errorf("made %v (%v)", entries, err)
	}
	// Someone asked for this one.
	o := in(t.TempDir(), nil)
	o.File = filepath.Join(folder, "missing", "totals.jsonl")
	if err := Write(t.Context(), usual(), o); err == nil || !strings.Contains(err.Error(), config.SummaryFileVariable) {
		t.Errorf("got %v, want an error about %s", err, config.SummaryFileVariable)
	}
}
