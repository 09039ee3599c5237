package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// NeedGit skips a test on a machine without git, and hides this user's settings of git. It
// fails instead if NX_AZURE_CACHE_TEST_NO_SKIP is set, as in `npm test`.
func NeedGit(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("git"); err != nil {
		if os.Getenv("NX_AZURE_CACHE_TEST_NO_SKIP") != "" {
			t.Fatal("git is not installed")
		}
		t.Skip("git is not installed")
	}
	t.Setenv("HOME", t.TempDir())
}

// Git runs git in a folder, as its user would, and returns what it prints.
func Git(t *testing.T, folder string, args ...string) string {
	t.Helper()
	settings := []string{"-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "init.defaultBranch=main"}
	command := exec.Command("git", append(settings, args...)...)
	command.Dir = folder
	out, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

// WriteFile writes a file, which is executable as hooks are, and makes the folders above it.
func WriteFile(t *testing.T, folder, name, content string) {
	t.Helper()
	file := filepath.Join(folder, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o755); err != nil {
		t.Fatal(err)
	}
}

// Commit commits all files of a repository and returns the commit.
func Commit(t *testing.T, folder string) string {
	t.Helper()
	Git(t, folder, "add", "--all")
	Git(t, folder, "commit", "--quiet", "--allow-empty", "--message", "x")
	return Git(t, folder, "rev-parse", "HEAD")
}
