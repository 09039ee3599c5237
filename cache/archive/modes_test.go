//go:build unix

package archive_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// A umask applies to the whole process, so a child restores under another one. These
// variables tell it where the archive and the folder are.
const (
	archiveVariable = "NX_AZURE_CACHE_TEST_ARCHIVE"
	folderVariable  = "NX_AZURE_CACHE_TEST_FOLDER"
)

func TestExtractInAChild(t *testing.T) {
	path := os.Getenv(archiveVariable)
	if path == "" {
		return // it is the parent
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	mustExtract(t, content, os.Getenv(folderVariable))
}

// extractUnder extracts into dir in a process with a umask.
func extractUnder(t *testing.T, umask, dir string, content []byte) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "archive")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), "sh", "-c", `umask "$1" && exec "$2" -test.run '^TestExtractInAChild$'`, "sh", umask, os.Args[0])
	child.Env = append(os.Environ(), archiveVariable+"="+path, folderVariable+"="+dir)
	if output, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
}

// withMode returns an entry with another mode.
func withMode(mode int64, e entry) entry {
	e.Mode = mode
	return e
}

// manyModes returns entries of each mode. Each folder contains a file.
func manyModes(modes ...int64) (entries []entry) {
	for _, mode := range modes {
		name := fmt.Sprintf("outputs/%04o", mode)
		entries = append(entries,
			withMode(mode, folder(name+"/")),
			withMode(mode, file(name+"/file", "x")),
			withMode(mode, file(name+"/large", strings.Repeat("x", 1<<20))),
			link(name+"/link", "file"))
	}
	return entries
}

func checkMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode() &^ fs.ModeDir; got != want {
		t.Errorf("%s: got %v, want %v", path, got, want)
	}
}

// The umask of the restoring process limits the permissions of group and others. The
// stored mode of a file sets the owner's permissions. The stored mode of a folder is
// ignored, as when Nx copies a result: users who may not write to a folder can neither
// move nor remove it.
func TestModesUnderAUmask(t *testing.T) {
	cachetest.SkipWithRace(t)
	content := archiveOf(t, with(manyModes(0o777, 0o775, 0o755, 0o664, 0o644, 0o600, 0o700, 0o555, 0o444, 0o400, 0o077, 0)...))
	for _, test := range []struct {
		umask string
		root  fs.FileMode                 // and all other folders
		modes map[fs.FileMode]fs.FileMode // stored → restored, of files
	}{
		{"022", 0o755, map[fs.FileMode]fs.FileMode{
			0o777: 0o755, 0o775: 0o755, 0o755: 0o755, 0o664: 0o644, 0o644: 0o644, 0o600: 0o600,
			0o700: 0o700, 0o555: 0o555, 0o444: 0o444, 0o400: 0o400, 0o077: 0o055, 0: 0,
		}},
		{"002", 0o775, map[fs.FileMode]fs.FileMode{0o777: 0o775, 0o775: 0o775, 0o755: 0o755, 0o664: 0o664, 0o644: 0o644, 0o600: 0o600, 0o555: 0o555}},
		{"077", 0o700, map[fs.FileMode]fs.FileMode{0o777: 0o700, 0o775: 0o700, 0o755: 0o700, 0o664: 0o600, 0o644: 0o600, 0o555: 0o500, 0o077: 0}},
		{"027", 0o750, map[fs.FileMode]fs.FileMode{0o777: 0o750, 0o755: 0o750, 0o644: 0o640, 0o555: 0o550}},
		{"000", 0o777, map[fs.FileMode]fs.FileMode{0o777: 0o777, 0o664: 0o664, 0o755: 0o755, 0o077: 0o077}},
		{"0277", 0o700, map[fs.FileMode]fs.FileMode{0o777: 0o700, 0o644: 0o600, 0o555: 0o500}},
	} {
		t.Run(test.umask, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			extractUnder(t, test.umask, dir, content)
			checkMode(t, outputsOf(dir), test.root)
			for stored, want := range test.modes {
				path := filepath.Join(outputsOf(dir), fmt.Sprintf("%04o", stored))
				checkMode(t, path, test.root)
				checkMode(t, filepath.Join(path, "file"), want)
				checkMode(t, filepath.Join(path, "large"), want)
				if target, err := os.Readlink(filepath.Join(path, "link")); err != nil || target != "file" {
					t.Errorf("got a link to %q, %v; want one to %q", target, err, "file")
				}
			}
		})
	}
}

// A folder with setgid passes its group on, even to folders that were stored read-only.
// An archive cannot set it.
func TestInheritedSetgid(t *testing.T) {
	dir := cachetest.TempDir(t)
	if err := os.Chmod(dir, 0o775|os.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "probe"), 0o755); err != nil {
		t.Fatal(err)
	}
	probe, err := os.Stat(filepath.Join(dir, "probe"))
	if err != nil {
		t.Fatal(err)
	}
	inherited := probe.Mode() & os.ModeSetgid // not on macOS, where the group is always inherited
	content := archiveOf(t, with(withMode(0o775, folder("outputs/a/")), withMode(0o555, folder("outputs/a/b/")), withMode(0o775, file("outputs/a/b/c", "x"))))
	extractUnder(t, "002", dir, content)
	for name, want := range map[string]fs.FileMode{
		"outputs":       0o775 | inherited,
		"outputs/a":     0o775 | inherited,
		"outputs/a/b":   0o775 | inherited,
		"outputs/a/b/c": 0o775,
	} {
		checkMode(t, filepath.Join(dir, name), want)
	}
}

// Files that a process with a usual umask has written are restored with the same modes.
func TestUsualModesAreRestored(t *testing.T) {
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	plant(t, from, []node{{name: "a/", mode: 0o755}, {name: "a/b", mode: 0o644}, {name: "a/run", mode: 0o755}})
	want := listing(t, from)
	var b bytes.Buffer
	b.Write(mustWrite(t, archive.Task{Hash: "123"}, "", from))
	extractUnder(t, "022", to, b.Bytes())
	compare(t, listing(t, outputsOf(to)), want)
}
