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
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

const (
	memberVariable = "NX_AZURE_CACHE_TEST_MEMBER"
	sharedGroup    = 54300
	anna, ben      = 54301, 54302
)

// sharedFolder creates a folder that all users may enter, for their temporary files and a
// copy of the test binary.
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

// member is a process of another user with the same cache directory.
type member struct {
	*exec.Cmd
	out   *bufio.Reader
	stdin io.Closer
}

// startMember starts [TestMember] as a user of the shared group.
func startMember(t *testing.T, binary, cacheDirectory string, user uint32, hash string) *member {
	t.Helper()
	return startAs(t, user, binary, "TestMember", cacheDirectory, "HASH="+hash)
}

// startAs starts a test of the test binary, a copy that all users may run, as a user of
// the shared group.
func startAs(t *testing.T, user uint32, binary, test, cacheDirectory string, env ...string) *member {
	t.Helper()
	m := &member{Cmd: exec.CommandContext(t.Context(), binary, "-test.run=^"+test+"$")}
	m.Env = append(env, memberVariable+"="+cacheDirectory, "TMPDIR="+filepath.Join(filepath.Dir(binary), "tmp"))
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
		_ = m.Process.Kill() // if the test has failed
		_ = m.Wait()
	})
	return m
}

// answer returns the session of the process after it has used the cache directory.
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
	_ = m.stdin.Close() // it waits only for that
	if err := m.Wait(); err != nil {
		t.Error(err)
	}
}

// TestMember is the process that startMember starts. Its umask is 002.
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
	if !isAlive(scratch.FolderPath(dir, c.Session())) {
		t.Error("the process counts as dead")
	}
	fmt.Println("session", c.Session())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until stdin is closed
	c.Close(t.Context())
}

// The users of a group share a cache directory. Each can use it while others do and after
// others were killed, and leaves the folders of others alone. Each replaces and removes
// results that another user has restored.
func TestGroupSharesACacheDirectory(t *testing.T) {
	cachetest.SkipWithRace(t)
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
				return fmt.Sprint(user) // the group does not own what a user creates, as with Nx alone
			}
			killed, living := startMember(t, binary, dir, anna, hashFor(anna)), startMember(t, binary, dir, ben, hashFor(ben))
			killedFolder, livingFolder := scratch.FolderPath(dir, killed.answer(t)), scratch.FolderPath(dir, living.answer(t))
			if err := killed.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = killed.Wait() // by a signal
			for _, user := range []uint32{ben, ben, anna} {
				m := startMember(t, binary, dir, user, hashFor(user))
				folder := scratch.FolderPath(dir, m.answer(t))
				if info, err := os.Lstat(folder); err != nil || info.Mode().Perm() != 0o700 {
					t.Errorf("got %v, %v; want a folder only for its user", info.Mode(), err)
				}
				m.end(t)
				if exists(t, folder) || !exists(t, livingFolder) {
					t.Error("its folder still exists, or the folder of another process is gone")
				}
				// Only its own user removes the folder of a killed process.
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
				t.Error("the last process has left files")
			}
		})
	}
}

// A user may be interrupted between creating the parent and opening it to the group.
// Others then wait for a moment. They never work in a folder without a lock, because it
// would look like the folder of a dead process.
func TestParentIsOpenedToTheGroupLate(t *testing.T) {
	cachetest.SkipWithRace(t)
	cachetest.NeedRoot(t)
	top, binary := sharedFolder(t)
	dir := filepath.Join(top, "cache")
	parent := filepath.Join(dir, ".nx-azure-cache")
	writeFile(t, filepath.Join(parent, "kept"), "") // so that no process removes the parent
	if err := errors.Join(os.Chown(dir, 0, sharedGroup), os.Chmod(dir, 0o775), os.Chown(parent, anna, sharedGroup)); err != nil {
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
				_ = errors.Join(os.Chtimes(parent, now, now), os.Chmod(parent, 0o755), os.Chmod(parent, 0o775|fs.ModeSticky))
				time.Sleep(50 * time.Microsecond) // or the member always meets a closed parent
			}
		}
	})
	defer closing.Wait()
	defer close(ended)
	m := startAs(t, ben, binary, "TestMemberThatBeginsAgain", dir)
	if output, err := io.ReadAll(m.out); err != nil || !strings.HasPrefix(string(output), "PASS") {
		t.Errorf("got %s%v", output, err)
	}
	m.end(t)
}

// TestMemberThatBeginsAgain is the process that the test above starts.
func TestMemberThatBeginsAgain(t *testing.T) {
	dir := os.Getenv(memberVariable)
	if dir == "" {
		t.Skip("is run by other tests")
	}
	for range 3000 {
		c := newCache(t, new(cachetest.Memory))
		if _, err := c.Retrieve(t.Context(), "404", dir); !errors.Is(err, cache.ErrNotFound) {
			t.Fatal(err)
		}
		if !isAlive(scratch.FolderPath(dir, c.Session())) {
			t.Fatal("the process counts as dead")
		}
		c.Close(t.Context())
	}
}

// The permissions of a cache directory's group are not given to another group.
func TestParentOfAnotherGroup(t *testing.T) {
	for name, test := range map[string]struct{ mode, want fs.FileMode }{
		"for one user":  {0o700, 0o700},
		"as usual":      {0o755, 0o755},
		"for a group":   {0o775, 0o775 | fs.ModeSticky},
		"for all users": {0o777, 0o777 | fs.ModeSticky}, // in a workspace
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
