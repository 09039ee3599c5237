package cache_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

const holderVariable = "NX_AZURE_CACHE_TEST_HOLDER"

// holder is another process with a cache in a cache directory.
type holder struct {
	*exec.Cmd
	session string
	end     func() error // lets it end by itself
}

// startHolder starts the test binary as a process with files in its folder.
func startHolder(t *testing.T, cacheDirectory string) *holder {
	t.Helper()
	h := &holder{Cmd: exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHolder$")}
	h.Env = append(os.Environ(), holderVariable+"="+cacheDirectory)
	stdin, err := h.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := h.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	h.session = strings.TrimSpace(line)
	h.end = func() error {
		_ = stdin.Close() // it waits only for that
		return h.Wait()
	}
	t.Cleanup(func() {
		_ = h.Process.Kill() // if the test has failed
		_ = h.Wait()
	})
	return h
}

// startSweptHolder starts a holder and waits until it has swept the cache directory.
// After that, it tries no lock of processes that start later.
func startSweptHolder(t *testing.T, cacheDirectory string) *holder {
	t.Helper()
	leftover := scratch.FolderPath(cacheDirectory, "1-leftover")
	if err := os.MkdirAll(leftover, 0o700); err != nil {
		t.Fatal(err)
	}
	h := startHolder(t, cacheDirectory)
	for range 1_000 {
		if !exists(t, leftover) && !exists(t, leftover+".lock") {
			return h
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("the sweep has not ended")
	return nil
}

// TestHolder is the process that startHolder starts.
func TestHolder(t *testing.T) {
	dir := os.Getenv(holderVariable)
	if dir == "" {
		t.Skip("is run by other tests")
	}
	c := cache.New(cachetest.Shared(new(cachetest.Memory), cache.ReadWrite))
	_, _ = c.Retrieve(t.Context(), "123", dir) // a miss, which creates its folder
	if err := os.MkdirAll(filepath.Join(scratch.FolderPath(dir, c.Session()), "half", "unpacked"), 0o555); err != nil {
		t.Fatal(err)
	}
	fmt.Println(c.Session())
	_, _ = os.Stdin.Read(make([]byte, 1)) // until stdin is closed
	c.Close(t.Context())
}

// visit acts as a process that uses a cache directory and ends.
func visit(t *testing.T, dir string) {
	t.Helper()
	c := newCache(t, stored(t, "123"))
	if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
		t.Fatal(err)
	}
	checkResult(t, dir, "123")
	c.Close(t.Context())
}

func TestFolderOfAProcess(t *testing.T) {
	dir := cachetest.TempDir(t)
	h := startHolder(t, dir)
	folder := scratch.FolderPath(dir, h.session)
	if !isAlive(folder) {
		t.Error("the process counts as dead")
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() { visit(t, dir) })
	}
	all.Wait()
	if !isAlive(folder) || !exists(t, folder, "half", "unpacked") {
		t.Error("another process has removed the folder of a live process")
	}

	if err := h.end(); err != nil {
		t.Error(err)
	}
	if isAlive(folder) || exists(t, dir, ".nx-azure-cache") {
		t.Errorf("alive: %t; want nothing left of an ended process", isAlive(folder))
	}
}

// The next process removes what a killed process has left.
func TestLeftovers(t *testing.T) {
	dir := cachetest.TempDir(t)
	living := startSweptHolder(t, dir)
	killed := startHolder(t, dir)
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // by a signal
	folder := scratch.FolderPath(dir, killed.session)
	if isAlive(folder) || !exists(t, folder, "half") {
		t.Fatalf("alive: %t; want a folder without its process", isAlive(folder))
	}
	scratch := filepath.Dir(folder)
	path := filepath.Join(scratch, "1-abcdefgh", "with", "something")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, nil, 0o444); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scratch, "3-lockonly.lock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}

	visit(t, dir)
	entries, err := os.ReadDir(scratch)
	if err != nil || len(entries) != 2 || entries[0].Name() != living.session || entries[1].Name() != living.session+".lock" {
		t.Errorf("got %v, %v; want only the folder and the lock of the live process", entries, err)
	}
	if err := living.end(); err != nil {
		t.Error(err)
	}
	if exists(t, scratch) {
		t.Error("the last process has left files")
	}
}

// `nx reset` during a run removes everything: the folder, and its lock.
func TestFolderThatIsRemoved(t *testing.T) {
	for name, gone := range map[string]string{"all": "", "the folders": ".nx-azure-cache"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(cachetest.TempDir(t), "cache")
			c := newCache(t, stored(t, "123"))
			for range 3 {
				if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
					t.Fatal(err)
				}
				checkResult(t, dir, "123")
				if !isAlive(scratch.FolderPath(dir, c.Session())) {
					t.Error("the process counts as dead")
				}
				if err := os.RemoveAll(filepath.Join(dir, gone)); err != nil {
					t.Fatal(err)
				}
			}
			outputs(t, dir, "124", map[string]string{"a": "1"})
			store(t, c, "124", dir, 0, cache.TerminalOutput{Text: strings.Repeat("x", 10_000)})
			visit(t, dir) // sweeps; the new folder has its lock
			if !exists(t, scratch.FolderPath(dir, c.Session())) {
				t.Error("another process has removed the folder of a live process")
			}
			c.Close(t.Context())
			if exists(t, dir, ".nx-azure-cache") {
				t.Error("files are left")
			}
		})
	}
}

// Many processes start while others end. No process removes the folder of another, and
// the last one leaves nothing behind.
func TestManyProcessesStartAndEnd(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "123")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 40 {
				c := cache.New(cachetest.Shared(blobs, cache.ReadWrite))
				if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
					t.Error(err)
				}
				folder := scratch.FolderPath(dir, c.Session())
				if !isAlive(folder) || !exists(t, folder) {
					t.Errorf("alive: %t, exists: %t; want the folder of a live process", isAlive(folder), exists(t, folder))
				}
				c.Close(t.Context())
				if exists(t, folder) || exists(t, folder+".lock") {
					t.Error("files are left")
				}
			}
		})
	}
	all.Wait()
	if exists(t, dir, ".nx-azure-cache") {
		t.Error("the last process has left files")
	}
}

// An unwritable cache directory causes an error, not a hang.
func TestCacheDirectoryThatIsAFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := newCache(t, stored(t, "123"))
	if hit, err := c.Retrieve(t.Context(), "123", dir); err == nil {
		t.Errorf("got %+v, want an error", hit)
	}
	if _, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{}); reason == "" && err == nil {
		t.Error("the result was accepted")
	}
	if len(c.Folders()) != 0 {
		t.Errorf("got the folders %v, want none", c.Folders())
	}
	c.Close(t.Context())
}
