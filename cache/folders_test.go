//go:build unix

package cache_test

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// precious creates a folder outside the cache directory, with files that must stay. Some
// of them have names like ours.
func precious(t *testing.T) (dir string, check func()) {
	t.Helper()
	dir = filepath.Join(cachetest.TempDir(t), "precious")
	for _, name := range []string{"thesis", "1-abcdefgh/state", "1-abcdefgh.lock", "2-abcdefgh", "sub/a"} {
		writeFile(t, filepath.Join(dir, name), "precious")
	}
	if err := os.Chmod(filepath.Join(dir, "sub"), 0o555); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	return dir, func() {
		t.Helper()
		if after := tree(t, dir); !maps.Equal(after, before) {
			t.Errorf("got %v, want %v", after, before)
		}
	}
}

func writeFile(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		t.Fatal(err)
	}
}

func symlink(t *testing.T, target, path string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.Symlink(target, path)); err != nil {
		t.Fatal(err)
	}
}

// use retrieves (a hit and a miss) and stores, twice.
func use(t *testing.T, c *cache.Cache, dir string) (errs []error) {
	t.Helper()
	outputs(t, dir, "200", map[string]string{"a": "1"})
	for range 2 {
		for _, hash := range []string{"404", "123"} {
			if _, err := c.Retrieve(t.Context(), hash, dir); err != nil && !errors.Is(err, cache.ErrNotFound) {
				errs = append(errs, err)
			}
		}
		if _, _, err := cachetest.Store(t.Context(), c, "200", dir, 0, cache.TerminalOutput{Text: strings.Repeat("x", 10_000)}); err != nil {
			errs = append(errs, err)
		}
	}
	return errs
}

// checkRefused fails unless every use of a cache directory is refused, with an error that
// names what is wrong.
func checkRefused(t *testing.T, c *cache.Cache, dir string, parts ...string) {
	t.Helper()
	errs := use(t, c, dir)
	if len(errs) != 6 {
		t.Errorf("got the errors %v, want six", errs)
	}
	for _, err := range errs {
		if !fileerror.IsRefusal(err) || err.Error() != errs[0].Error() {
			t.Errorf("got %v, want the same refusal each time", err)
		}
		for _, part := range parts {
			if !strings.Contains(err.Error(), part) {
				t.Errorf("got %q, want it to contain %q", err, part)
			}
		}
	}
	c.Close(context.Background())
}

// A repository may contain any of our names as a link or a file.
func TestOurNamesAreTaken(t *testing.T) {
	for name, test := range map[string]struct {
		make func(t *testing.T, dir, session, precious string)
		path string // in the error, below the cache directory
		want string
	}{
		"the parent is a link": {
			func(t *testing.T, dir, _, precious string) {
				symlink(t, precious, filepath.Join(dir, ".nx-azure-cache"))
			},
			".nx-azure-cache", " is a symbolic link",
		},
		"the parent is a link within the cache directory": {
			func(t *testing.T, dir, _, _ string) {
				writeFile(t, filepath.Join(dir, "inside", "1-abcdefgh", "a"), "precious")
				symlink(t, "inside", filepath.Join(dir, ".nx-azure-cache"))
			},
			".nx-azure-cache", " is a symbolic link",
		},
		"the parent is a dangling link": {
			func(t *testing.T, dir, _, _ string) { symlink(t, "nothing", filepath.Join(dir, ".nx-azure-cache")) },
			".nx-azure-cache", " is a symbolic link",
		},
		"the parent is a file": {
			func(t *testing.T, dir, _, _ string) { writeFile(t, filepath.Join(dir, ".nx-azure-cache"), "") },
			".nx-azure-cache", " is not a directory",
		},
		"the folder is a link": {
			func(t *testing.T, dir, session, precious string) {
				symlink(t, precious, scratch.FolderPath(dir, session))
			},
			".nx-azure-cache/SESSION", " is a symbolic link",
		},
		"the folder is a link within the cache directory": {
			func(t *testing.T, dir, session, _ string) {
				writeFile(t, scratch.FolderPath(dir, "other/a"), "precious")
				symlink(t, "other", scratch.FolderPath(dir, session))
			},
			".nx-azure-cache/SESSION", " is a symbolic link",
		},
		"the folder is a file": {
			func(t *testing.T, dir, session, _ string) { writeFile(t, scratch.FolderPath(dir, session), "") },
			".nx-azure-cache/SESSION", " is not a directory",
		},
		"the lock is a link": {
			func(t *testing.T, dir, session, precious string) {
				symlink(t, filepath.Join(precious, "thesis"), scratch.FolderPath(dir, session+".lock"))
			},
			".nx-azure-cache/SESSION.lock", " is a symbolic link",
		},
		"the lock is a directory": {
			func(t *testing.T, dir, session, _ string) {
				writeFile(t, scratch.FolderPath(dir, session+".lock/a"), "")
			},
			".nx-azure-cache/SESSION.lock", " is not a file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			precious, check := precious(t)
			c := newCache(t, stored(t, "123"))
			test.make(t, dir, c.Session(), precious)
			outputs(t, dir, "200", map[string]string{"a": "1"})
			before := list(t, dir)
			path := filepath.Join(dir, strings.ReplaceAll(test.path, "SESSION", c.Session()))
			checkRefused(t, c, dir, path, test.want, "is it committed to the repository?", "delete it")
			check()
			if after := list(t, dir); after != before && after != strings.ReplaceAll(before, path, path+"\n"+path+".lock") {
				t.Errorf("got\n%s\nwant\n%s", after, before)
			}
		})
	}
}

// list returns all paths below dir, one per line.
func list(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		all = append(all, path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(all, "\n")
}

// The sweep removes only what processes of the cache create, whatever other files are
// called.
func TestSweepKeepsOtherFiles(t *testing.T) {
	dir := cachetest.TempDir(t)
	precious, check := precious(t)
	parent := filepath.Join(dir, ".nx-azure-cache")
	kept := []string{
		"thesis", "notes/a", "1-short/a", "1-ABCDEFGH/a", "1-abcdefg1/a", "x1-abcdefgh/a", "1-abcdefghi/a", "01-abcdefgh/a",
		"-1-abcdefgh/a", "99999999999-abcdefgh/a", "1-abcdefgh.lock.lock", "1-abcdefgh.old/a",
		"2-abcdefgh",      // a file
		"3-abcdefgh.lock", // with content
		"4-abcdefgh/a", "4-abcdefgh.lock/a",
	}
	for _, name := range kept {
		writeFile(t, filepath.Join(parent, name), "precious")
	}
	links := []string{"5-abcdefgh", "6-abcdefgh.lock", "7-abcdefgh.lock"}
	for _, name := range links {
		symlink(t, filepath.Join(precious, "thesis"), filepath.Join(parent, name))
	}
	symlink(t, precious, filepath.Join(parent, "8-abcdefgh"))
	writeFile(t, filepath.Join(parent, "7-abcdefgh", "a"), "beside a link")
	// A process that died while it unpacked may leave links to anywhere.
	symlink(t, precious, filepath.Join(parent, "9-abcdefgh", "result", "link"))
	symlink(t, filepath.Join(precious, "sub"), filepath.Join(parent, "9-abcdefgh", "link"))
	if err := os.Chmod(filepath.Join(parent, "9-abcdefgh", "result"), 0o555); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(filepath.Join(precious, "thesis"), filepath.Join(parent, "9-abcdefgh", "hard")); err != nil {
		t.Fatal(err)
	}

	c := newCache(t, stored(t, "123"))
	if errs := use(t, c, dir); len(errs) > 0 {
		t.Error(errs)
	}
	c.Close(t.Context())
	check()
	for _, name := range append(kept, "8-abcdefgh", "7-abcdefgh/a", "5-abcdefgh", "6-abcdefgh.lock") {
		if !exists(t, parent, name) {
			t.Errorf("%s is gone", name)
		}
	}
	if exists(t, parent, "9-abcdefgh") {
		t.Error("the files of a dead process are still there")
	}
}

// Nx follows a link as its cache directory, and so does the cache. At the link's target,
// it changes only its own files.
func TestCacheDirectoryThatIsALink(t *testing.T) {
	precious, check := precious(t)
	dir := filepath.Join(cachetest.TempDir(t), "cache")
	symlink(t, precious, dir)
	c := newCache(t, stored(t, "123"))
	if errs := use(t, c, dir); len(errs) > 0 {
		t.Error(errs)
	}
	checkResult(t, dir, "123")
	c.Close(t.Context())
	if err := errors.Join(os.RemoveAll(filepath.Join(precious, "123")), os.RemoveAll(filepath.Join(precious, "200"))); err != nil {
		t.Fatal(err)
	}
	check()

	if err := os.RemoveAll(precious); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Retrieve(t.Context(), "123", dir); err == nil {
		t.Error("a dangling link is accepted")
	}
}

// A result replaces a link at its path, and does not touch the link's target.
func TestResultThatReplacesALink(t *testing.T) {
	dir := cachetest.TempDir(t)
	precious, check := precious(t)
	symlink(t, precious, filepath.Join(dir, "123"))
	visit(t, dir)
	if info, err := os.Lstat(filepath.Join(dir, "123")); err != nil || !info.IsDir() {
		t.Errorf("got %v, %v; want a directory", info, err)
	}
	check()
}

// If another user renames the folder of a process while it reads, the result is still the
// verified one.
func TestFolderThatIsSwapped(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "123")
	var folder string
	swap := sync.OnceFunc(func() {
		if err := os.Rename(folder, folder+".moved"); err != nil {
			t.Error(err)
		}
		for _, name := range []string{"1", "2", "3"} {
			writeFile(t, filepath.Join(folder, name, "a"), "poison")
		}
		if os.Geteuid() == 0 { // or the folder cannot belong to another user
			if err := os.Chown(folder, strangerID, strangerID); err != nil {
				t.Error(err)
			}
		}
	})
	c := closing(t, cache.New(cachetest.Shared(blobsFunc{Memory: blobs, get: func(ctx context.Context, name string) (*cache.Blob, error) {
		blob, err := blobs.Get(ctx, name)
		if err == nil {
			blob.Body = &hookedBody{blob.Body, swap}
		}
		return blob, err
	}}, cache.ReadWrite)))
	folder = scratch.FolderPath(dir, c.Session())
	if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
		t.Error(err)
	}
	checkResult(t, dir, "123")
	if os.Geteuid() == 0 {
		if _, err := c.Retrieve(t.Context(), "123", dir); err == nil || !strings.Contains(err.Error(), folder+" belongs to user 54321") {
			t.Errorf("got %v, want a refusal", err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(folder, "1", "a")); err != nil || string(got) != "poison" {
		t.Errorf("got %q, %v; want the other user's file", got, err)
	}
}

// strangerID is the ID of another user and of another group.
const strangerID = 54321

// hookedBody calls hook before its first byte is read.
type hookedBody struct {
	io.ReadCloser
	hook func()
}

func (b *hookedBody) Read(p []byte) (int, error) {
	if b.hook != nil {
		b.hook()
		b.hook = nil
	}
	return b.ReadCloser.Read(p)
}

// A terminal output is accepted only in the folder of this process.
func TestTerminalOutputElsewhere(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	precious, check := precious(t)
	c := newCache(t, new(cachetest.Memory))
	folder := scratch.FolderPath(dir, c.Session())
	symlink(t, filepath.Join(precious, "thesis"), filepath.Join(folder, "link"))
	writeFile(t, filepath.Join(folder, "directory", "a"), "")
	for _, path := range []string{
		filepath.Join(precious, "thesis"),
		folder + "/../../../" + filepath.Base(filepath.Dir(precious)) + "/precious/thesis",
		filepath.Join(folder, "link"),
		filepath.Join(folder, "directory"),
		filepath.Join(folder, "directory", "a"),
		folder, folder + "/", folder + "/.", folder + "/..",
	} {
		if _, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{Path: path}); err == nil {
			t.Errorf("%s: got %q, want an error", path, reason)
		}
	}
	check()
	if !exists(t, folder, "directory", "a") || !exists(t, folder, "link") {
		t.Error("the named file is gone")
	}
}

// Only this user can read the folder and its lock, even under umask 0.
func TestModesOfFolders(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, stored(t, "123"))
	if err := os.MkdirAll(scratch.FolderPath(dir, c.Session()), 0o755); err != nil { // by an older client
		t.Fatal(err)
	}
	if errs := use(t, c, dir); len(errs) > 0 {
		t.Error(errs)
	}
	for name, want := range map[string]fs.FileMode{"": fs.ModeDir | 0o700, ".lock": 0o600} {
		if info, err := os.Lstat(scratch.FolderPath(dir, c.Session()) + name); err != nil || info.Mode() != want {
			t.Errorf("%q: got %v, %v; want %v", name, info.Mode(), err, want)
		}
	}
}
