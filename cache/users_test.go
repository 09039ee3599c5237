//go:build unix

package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// directories creates nested directories and returns the path of the innermost.
// Each element is NAME:OWNER:MODE.
func directories(t *testing.T, top string, levels ...string) string {
	t.Helper()
	path := top
	for _, level := range levels {
		parts := strings.Split(level, ":")
		owner, err := strconv.Atoi(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		mode, err := strconv.ParseUint(parts[2], 8, 32)
		if err != nil {
			t.Fatal(err)
		}
		path = filepath.Join(path, parts[0])
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chown(path, owner, -1), syscall.Chmod(path, uint32(mode))); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// The rule of Nx 24, for each level.
func TestUnsafeCacheDirectories(t *testing.T) {
	cachetest.SkipWithRace(t)
	cachetest.NeedRoot(t)
	for name, test := range map[string]struct {
		levels    []string // to the cache directory
		workspace []string // in the same directory
		inside    bool     // whether the cache directory is below the workspace
		want      string   // part of the reason; "" if it is safe
	}{
		"private":                                 {levels: []string{"a:0:755", "cache:0:755"}},
		"writable by a group":                     {levels: []string{"a:0:755", "cache:0:2775"}},
		"below a sticky directory of all users":   {levels: []string{"a:0:1777", "cache:0:755"}},
		"writable by all":                         {levels: []string{"a:0:755", "cache:0:777"}, want: "cache is writable by all users;"},
		"writable by all and sticky":              {levels: []string{"a:0:755", "cache:0:1777"}, want: "cache is writable by all users;"},
		"of another user":                         {levels: []string{"a:0:755", "cache:54321:755"}, want: "cache belongs to user 54321;"},
		"below a directory of another user":       {levels: []string{"a:54321:755", "cache:0:755"}, want: "a belongs to user 54321;"},
		"below a directory writable by all":       {levels: []string{"a:0:777", "cache:0:755"}, want: "a is writable by all users and not sticky;"},
		"far below a directory writable by all":   {levels: []string{"a:0:777", "b:0:755", "cache:0:755"}, want: "a is writable by all users and not sticky;"},
		"of the workspace's owner":                {levels: []string{"a:54321:755", "cache:54321:755"}, workspace: []string{"w:54321:755"}},
		"of another user than the workspace":      {levels: []string{"cache:54322:755"}, workspace: []string{"w:54321:755"}, want: "cache belongs to user 54322;"},
		"in a workspace writable by all":          {levels: []string{"cache:0:777"}, workspace: []string{"w:0:777"}, inside: true},
		"of another user, in a workspace of ours": {levels: []string{"cache:54321:755"}, workspace: []string{"w:0:755"}, inside: true},
	} {
		t.Run(name, func(t *testing.T) {
			top := cachetest.TempDir(t)
			workspace := directories(t, top, test.workspace...)
			if len(test.workspace) == 0 {
				workspace = filepath.Join(top, "elsewhere")
			}
			base := top
			if test.inside {
				base = workspace
			}
			dir := directories(t, base, test.levels...)
			link := filepath.Join(top, "link")
			symlink(t, dir, link)
			for _, path := range []string{dir, link} {
				options := cachetest.Shared(stored(t, "123"), cache.ReadWrite)
				options.Directories.Workspace = workspace
				c := closing(t, cache.New(options))
				if test.want == "" {
					if errs := use(t, c, path); len(errs) > 0 {
						t.Errorf("%s: got %v, want it to be safe", path, errs)
					}
					c.Close(t.Context())
					continue
				}
				checkRefused(t, c, path, "the cache directory "+path+" is not safe: ", test.want, "set cacheDirectory in nx.json", "NX_ALLOW_INSECURE_DIRECTORIES=true")
				if exists(t, dir, ".nx-azure-cache") || exists(t, dir, "123") {
					t.Error("the cache has created something there")
				}
				options.Directories.AllowInsecure = true
				if errs := use(t, closing(t, cache.New(options)), path); len(errs) > 0 {
					t.Errorf("got %v, want it accepted", errs)
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, ".nx-azure-cache")), os.RemoveAll(filepath.Join(dir, "123"))); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// Another user can redirect their link at any time.
func TestCacheDirectoryBehindALinkOfAnotherUser(t *testing.T) {
	cachetest.NeedRoot(t)
	top := cachetest.TempDir(t)
	dir := directories(t, top, "cache:0:755")
	link := filepath.Join(top, "link")
	symlink(t, top, link)
	if err := os.Lchown(link, strangerID, strangerID); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, newCache(t, stored(t, "123")), filepath.Join(link, "cache"), "link belongs to user 54321;")
	if exists(t, dir, ".nx-azure-cache") {
		t.Error("the cache has created something there")
	}
}

// The cache neither uses nor removes what another user has created first, even if this
// user is root.
func TestOurNamesOfAnotherUser(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, at := range map[string]func(session string) string{
		"the parent": func(string) string { return "" },
		"the folder": func(session string) string { return session },
		"the lock":   func(session string) string { return session + ".lock" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			c := newCache(t, stored(t, "123"))
			path := scratch.FolderPath(dir, at(c.Session()))
			if strings.HasSuffix(path, ".lock") {
				writeFile(t, path, "")
			} else if err := os.MkdirAll(path, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(path, strangerID, strangerID); err != nil {
				t.Fatal(err)
			}
			checkRefused(t, c, dir, path+" belongs to user 54321", "delete it", "set cacheDirectory in nx.json")
			if !exists(t, path) {
				t.Error("it was removed")
			}
		})
	}
}

// If root has left folders, as after a killed `sudo nx build`, the error names them and
// the fix.
func TestUnwritableFoldersOfRoot(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, test := range map[string]struct {
		owner int // of the cache directory
		mode  os.FileMode
		path  string
	}{
		"the parent":                         {anna, 0o755, "cache/.nx-azure-cache"},
		"the private parent":                 {anna, 0o700, "cache/.nx-azure-cache"},
		"the parent, in a directory of root": {0, 0o755, "cache/.nx-azure-cache"},
		"the cache directory":                {0, 0, "cache"},
	} {
		t.Run(name, func(t *testing.T) {
			top, binary := sharedFolder(t)
			dir := filepath.Join(top, "cache")
			err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, test.owner, sharedGroup))
			if test.mode != 0 {
				parent := filepath.Join(dir, ".nx-azure-cache")
				err = errors.Join(err, os.Chmod(dir, 0o775), os.Mkdir(parent, 0o700), os.Chmod(parent, test.mode))
			}
			if err != nil {
				t.Fatal(err)
			}
			m := startMember(t, binary, dir, anna, "1")
			line, _ := m.out.ReadString('\n')
			for _, part := range []string{"this user cannot write to " + filepath.Join(top, test.path) + ", which belongs to user 0 and has mode ", "delete it as that user", "set cacheDirectory in nx.json"} {
				if !strings.Contains(line, part) {
					t.Errorf("got %q, want it to contain %q", line, part)
				}
			}
		})
	}
}

func TestSweepKeepsFoldersOfOtherUsers(t *testing.T) {
	cachetest.NeedRoot(t)
	dir := cachetest.TempDir(t)
	parent := filepath.Join(dir, ".nx-azure-cache")
	for _, name := range []string{"1-abcdefgh/a", "2-abcdefgh/a", "3-abcdefgh/a"} {
		writeFile(t, filepath.Join(parent, name), "")
	}
	for _, name := range []string{"2-abcdefgh.lock", "3-abcdefgh.lock"} {
		writeFile(t, filepath.Join(parent, name), "")
	}
	for _, name := range []string{"1-abcdefgh", "2-abcdefgh", "3-abcdefgh.lock"} {
		if err := os.Chown(filepath.Join(parent, name), strangerID, strangerID); err != nil {
			t.Fatal(err)
		}
	}
	before := list(t, parent)
	visit(t, dir)
	if after := list(t, parent); after != before {
		t.Errorf("got\n%s\nwant\n%s", after, before)
	}
}
