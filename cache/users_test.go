//go:build unix

package cache_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// directories makes nested directories, and returns the path of the innermost.
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

// Nx 24's rule, level by level.
func TestCacheDirectoriesThatAreNotSafe(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, test := range map[string]struct {
		levels    []string // to the cache directory
		workspace []string // beside them
		inside    bool     // whether the cache directory is below the workspace
		want      string   // part of the reason; "" where it is safe
	}{
		"ours":                                  {levels: []string{"a:0:755", "cache:0:755"}},
		"for a group":                           {levels: []string{"a:0:755", "cache:0:2775"}},
		"below one for all that is sticky":      {levels: []string{"a:0:1777", "cache:0:755"}},
		"for all":                               {levels: []string{"a:0:755", "cache:0:777"}, want: "cache is writable by all users;"},
		"for all and sticky":                    {levels: []string{"a:0:755", "cache:0:1777"}, want: "cache is writable by all users;"},
		"another's":                             {levels: []string{"a:0:755", "cache:54321:755"}, want: "cache belongs to the user 54321;"},
		"below another's":                       {levels: []string{"a:54321:755", "cache:0:755"}, want: "a belongs to the user 54321;"},
		"below one for all":                     {levels: []string{"a:0:777", "cache:0:755"}, want: "a is writable by all users and not sticky;"},
		"far below one for all":                 {levels: []string{"a:0:777", "b:0:755", "cache:0:755"}, want: "a is writable by all users and not sticky;"},
		"the workspace's owner's":               {levels: []string{"a:54321:755", "cache:54321:755"}, workspace: []string{"w:54321:755"}},
		"another's than the workspace's":        {levels: []string{"cache:54322:755"}, workspace: []string{"w:54321:755"}, want: "cache belongs to the user 54322;"},
		"in a workspace that is for all":        {levels: []string{"cache:0:777"}, workspace: []string{"w:0:777"}, inside: true},
		"another's in a workspace that is ours": {levels: []string{"cache:54321:755"}, workspace: []string{"w:0:755"}, inside: true},
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
					t.Error("something was made there")
				}
				options.Directories.AllowInsecure = true
				if errs := use(t, closing(t, cache.New(options)), path); len(errs) > 0 {
					t.Errorf("got %v, want it to be taken", errs)
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(dir, ".nx-azure-cache")), os.RemoveAll(filepath.Join(dir, "123"))); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// A link of another user can be led elsewhere at any time.
func TestCacheDirectoryBehindALinkOfAnother(t *testing.T) {
	cachetest.NeedRoot(t)
	top := cachetest.TempDir(t)
	dir := directories(t, top, "cache:0:755")
	link := filepath.Join(top, "link")
	symlink(t, top, link)
	if err := os.Lchown(link, strangerID, strangerID); err != nil {
		t.Fatal(err)
	}
	checkRefused(t, newCache(t, stored(t, "123")), filepath.Join(link, "cache"), "link belongs to the user 54321;")
	if exists(t, dir, ".nx-azure-cache") {
		t.Error("something was made there")
	}
}

// What another user has made first is not used, nor removed, even if this user is
// root.
func TestNamesOfOursThatAreAnothers(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, at := range map[string]func(session string) string{
		"the parent": func(string) string { return "" },
		"the folder": func(session string) string { return session },
		"the lock":   func(session string) string { return session + ".lock" },
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			c := newCache(t, stored(t, "123"))
			path := cache.Folder(dir, at(c.Session()))
			if strings.HasSuffix(path, ".lock") {
				writeFile(t, path, "")
			} else if err := os.MkdirAll(path, 0o777); err != nil {
				t.Fatal(err)
			}
			if err := os.Chown(path, strangerID, strangerID); err != nil {
				t.Fatal(err)
			}
			checkRefused(t, c, dir, path+" belongs to the user 54321", "delete it", "set cacheDirectory in nx.json")
			if !exists(t, path) {
				t.Error("it was removed")
			}
		})
	}
}

// What root has left, as after `sudo nx build` that was killed, is named with advice.
func TestFoldersOfRootThatThisUserMayNotWrite(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, test := range map[string]struct {
		owner int // of the cache directory
		mode  os.FileMode
		path  string
	}{
		"the parent":                   {anna, 0o755, "cache/.nx-azure-cache"},
		"the parent, which is private": {anna, 0o700, "cache/.nx-azure-cache"},
		"the parent in a group's":      {0, 0o755, "cache/.nx-azure-cache"},
		"the cache directory":          {0, 0, "cache"},
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
			for _, part := range []string{"this user may not write to " + filepath.Join(top, test.path) + ", which belongs to the user 0 and has the mode ", "delete it as that user", "set cacheDirectory in nx.json"} {
				if !strings.Contains(line, part) {
					t.Errorf("got %q, want %q in it", line, part)
				}
			}
		})
	}
}

func TestSweepThatMeetsFoldersOfOthers(t *testing.T) {
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

const (
	memberVariable = "NX_AZURE_CACHE_TEST_MEMBER"
	sharedGroup    = 54300
	anna, ben      = 54301, 54302
)

// sharedFolder makes a folder that all users may enter, with a copy of the test binary
// that they may run, and their temporary files.
func sharedFolder(t *testing.T) (top, binary string) {
	t.Helper()
	top, err := os.MkdirTemp("/tmp", "nx-azure-cache-users-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(top) })
	binary = filepath.Join(top, "test")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	temporary := filepath.Join(top, "tmp")
	if err = errors.Join(err, os.Chmod(top, 0o755), os.WriteFile(binary, content, 0o755), os.Mkdir(temporary, 0o700), os.Chmod(temporary, 0o777|fs.ModeSticky)); err != nil {
		t.Fatal(err)
	}
	return top, binary
}

// member is a process of another user, who shares a cache directory.
type member struct {
	*exec.Cmd
	out   *bufio.Reader
	stdin io.Closer
}

// startMember starts the test binary, a copy that all users may run, as a user of
// the shared group, with the umask 002.
func startMember(t *testing.T, binary, cacheDirectory string, user uint32, hash string) *member {
	t.Helper()
	m := &member{Cmd: exec.CommandContext(t.Context(), binary, "-test.run=^TestMember$")}
	m.Env = []string{memberVariable + "=" + cacheDirectory, "HASH=" + hash, "TMPDIR=" + filepath.Join(filepath.Dir(binary), "tmp")}
	m.Dir, m.Stderr = "/", os.Stderr
	m.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user, Groups: []uint32{sharedGroup}}}
	stdin, err := m.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := m.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	m.stdin, m.out = stdin, bufio.NewReader(stdout)
	if err := m.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = m.Process.Kill() // when the test has failed
		_ = m.Wait()
	})
	return m
}

// answer is the session of the process, once it has used the cache directory.
func (m *member) answer(t *testing.T) string {
	t.Helper()
	line, err := m.out.ReadString('\n')
	session, ok := strings.CutPrefix(line, "session ")
	if err != nil || !ok {
		t.Fatal(line, err)
	}
	return strings.TrimSpace(session)
}

func (m *member) end(t *testing.T) {
	t.Helper()
	_ = m.stdin.Close() // it waits for nothing else
	if err := m.Wait(); err != nil {
		t.Error(err)
	}
}

// TestMember is what startMember starts.
func TestMember(t *testing.T) {
	dir, hash := os.Getenv(memberVariable), os.Getenv("HASH")
	if dir == "" {
		t.Skip("is run by other tests")
	}
	syscall.Umask(0o002)
	c := newCache(t, stored(t, hash))
	if _, err := c.Retrieve(t.Context(), hash, dir); err != nil {
		fmt.Println(err)
		t.FailNow()
	}
	checkResult(t, dir, hash)
	own := fmt.Sprint(hash, "0", os.Getpid())
	outputs(t, dir, own, map[string]string{"a": "1"})
	store(t, c, own, dir, 0, cache.TerminalOutput{Text: strings.Repeat("x", 10_000)})
	if !isAlive(cache.Folder(dir, c.Session())) {
		t.Error("the process is taken for dead")
	}
	fmt.Println("session", c.Session())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until its end
	c.Close(t.Context())
}

// Users of a group share a cache directory on purpose: each works there, while
// others do, after others were killed, and leaves the folders of others alone. Each
// replaces and removes what another one has restored.
func TestGroupThatSharesACacheDirectory(t *testing.T) {
	cachetest.NeedRoot(t)
	for name, mode := range map[string]uint32{"setgid": 0o2775, "without setgid": 0o775} {
		t.Run(name, func(t *testing.T) {
			top, binary := sharedFolder(t)
			dir := filepath.Join(top, "cache")
			if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 0, sharedGroup), syscall.Chmod(dir, mode)); err != nil {
				t.Fatal(err)
			}

			hashFor := func(user uint32) string {
				if mode&0o2000 != 0 {
					return "1"
				}
				return fmt.Sprint(user) // what one has made is not the group's, as with Nx alone
			}
			killed, living := startMember(t, binary, dir, anna, hashFor(anna)), startMember(t, binary, dir, ben, hashFor(ben))
			killedFolder, livingFolder := cache.Folder(dir, killed.answer(t)), cache.Folder(dir, living.answer(t))
			if err := killed.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = killed.Wait() // by a signal
			for _, user := range []uint32{ben, ben, anna} {
				m := startMember(t, binary, dir, user, hashFor(user))
				folder := cache.Folder(dir, m.answer(t))
				if info, err := os.Lstat(folder); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("got %v, %v; want a folder for its user only", info.Mode(), err)
				}
				m.end(t)
				if exists(t, folder) || !exists(t, livingFolder) {
					t.Error("its folder is left, or that of another is gone")
				}
				// Only its own user removes what a process has left.
				if exists(t, killedFolder) != (user == ben) {
					t.Errorf("after user %d: exists: %t", user, exists(t, killedFolder))
				}
			}
			parent, err := os.Lstat(filepath.Dir(livingFolder))
			if err != nil || parent.Mode().Perm() != 0o775 || parent.Mode()&fs.ModeSticky == 0 || parent.Sys().(*syscall.Stat_t).Gid != sharedGroup {
				t.Errorf("got %v of the group %d, %v; want 1775 of the shared group", parent.Mode(), parent.Sys().(*syscall.Stat_t).Gid, err)
			}
			living.end(t)
			if exists(t, dir, ".nx-azure-cache") {
				t.Error("the last one has left something")
			}
		})
	}
}

// Between making the parent and opening it to the group its user may be interrupted.
// Others wait for a moment, and never work in a folder without a lock, which would be
// taken for that of a dead process.
func TestParentThatIsOpenedToTheGroupMeanwhile(t *testing.T) {
	cachetest.NeedRoot(t)
	top, binary := sharedFolder(t)
	dir := filepath.Join(top, "cache")
	parent := filepath.Join(dir, ".nx-azure-cache")
	if err := errors.Join(os.Mkdir(dir, 0o755), os.Chown(dir, 0, sharedGroup), os.Chmod(dir, 0o775), os.Mkdir(parent, 0o755), os.Chown(parent, anna, sharedGroup)); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	var closing sync.WaitGroup
	closing.Go(func() {
		for {
			select {
			case <-ended:
				return
			default:
				now := time.Now()
				_ = errors.Join(os.Chmod(parent, 0o755), os.Chmod(parent, 0o775|fs.ModeSticky), os.Chtimes(parent, now, now))
			}
		}
	})
	defer closing.Wait()
	defer close(ended)
	for i := range 10 {
		startMember(t, binary, dir, ben, fmt.Sprint(i)).answer(t)
	}
}

// The grant of a cache directory is not handed to another group.
func TestParentOfAnotherGroup(t *testing.T) {
	for name, test := range map[string]struct{ mode, want fs.FileMode }{
		"for one user":  {0o700, 0o700},
		"as usual":      {0o755, 0o755},
		"for a group":   {0o775, 0o775 | fs.ModeSticky},
		"all may write": {0o777, 0o777 | fs.ModeSticky}, // in a workspace
	} {
		t.Run(name, func(t *testing.T) {
			workspace := cachetest.TempDir(t)
			dir := filepath.Join(workspace, "cache")
			if err := errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, test.mode)); err != nil {
				t.Fatal(err)
			}
			options := cachetest.Shared(stored(t, "123"), cache.ReadWrite)
			options.Directories.Workspace = workspace
			c := closing(t, cache.New(options))
			if errs := use(t, c, dir); len(errs) > 0 {
				t.Error(errs)
			}
			if info, err := os.Lstat(filepath.Join(dir, ".nx-azure-cache")); err != nil || info.Mode() != test.want|fs.ModeDir {
				t.Errorf("got %v, %v; want %v", info.Mode(), err, test.want)
			}
		})
	}
}

func TestVisit(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, stored(t, "123"))
	_, _ = c.Retrieve(t.Context(), "404", dir) // makes its folder
	folder := cache.Folder(dir, c.Session())
	v, err := cache.Visit(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close()
	if alive, err := v.Alive(); v.ProcessID != os.Getpid() || !alive || err != nil {
		t.Errorf("got %d, %t, %v; want this process, alive", v.ProcessID, alive, err)
	}
	c.Close(t.Context())
	if alive, err := v.Alive(); alive || err != nil {
		t.Errorf("got %t, %v; want it dead", alive, err)
	}
	if _, err := cache.Visit(folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("got %v, want %v", err, fs.ErrNotExist)
	}
}

// A folder that this user's processes have not made says nothing.
func TestVisitOfWhatIsNotOurs(t *testing.T) {
	const session = "1-abcdefgh"
	for name, make := range map[string]func(t *testing.T, dir string){
		"the parent is a link": func(t *testing.T, dir string) {
			writeFile(t, filepath.Join(dir, "other", session, "state"), "")
			symlink(t, "other", filepath.Join(dir, ".nx-azure-cache"))
		},
		"the folder is a link": func(t *testing.T, dir string) {
			writeFile(t, cache.Folder(dir, "other/state"), "")
			symlink(t, "other", cache.Folder(dir, session))
		},
		"the folder is a file": func(t *testing.T, dir string) { writeFile(t, cache.Folder(dir, session), "") },
		"the folder is another's": func(t *testing.T, dir string) {
			cachetest.NeedRoot(t)
			writeFile(t, cache.Folder(dir, session+"/state"), "")
			if err := os.Chown(cache.Folder(dir, session), strangerID, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			make(t, dir)
			_, err := cache.Visit(cache.Folder(dir, session))
			if _, ok := errors.AsType[*cache.ConfigError](err); !ok {
				t.Errorf("got %v, want a refusal", err)
			}
			if isAlive(cache.Folder(dir, session)) {
				t.Error("it is taken for alive")
			}
		})
	}
	dir := cachetest.TempDir(t)
	writeFile(t, cache.Folder(dir, "other/state"), "")
	if _, err := cache.Visit(cache.Folder(dir, "other")); err == nil {
		t.Error("a folder that is not called as ours is believed")
	}
}

// Only this user's lock says that a process lives.
func TestLockThatIsNotOurs(t *testing.T) {
	for name, make := range map[string]func(t *testing.T, path string){
		"a link":      func(t *testing.T, path string) { symlink(t, "target", path) },
		"a directory": func(t *testing.T, path string) { writeFile(t, path+"/a", "") },
		"another's": func(t *testing.T, path string) {
			cachetest.NeedRoot(t)
			writeFile(t, path, "")
			if err := os.Chown(path, strangerID, -1); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			folder := cache.Folder(cachetest.TempDir(t), "1-abcdefgh")
			writeFile(t, filepath.Join(folder, "state"), "")
			writeFile(t, filepath.Join(filepath.Dir(folder), "target"), "")
			make(t, folder+".lock")
			v, err := cache.Visit(folder)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			if alive, err := v.Alive(); alive || err == nil {
				t.Errorf("got %t, %v; want a refusal", alive, err)
			}
		})
	}
}
