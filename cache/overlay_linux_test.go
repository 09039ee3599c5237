package cache_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
)

// onOverlay runs a test with a cache directory in the lower layer of an overlayfs, which
// cannot rename its contents, as in a container image. It skips the test if it cannot
// mount an overlayfs.
func onOverlay(t *testing.T, fill func(t *testing.T, dir string), test func(t *testing.T, dir string)) {
	t.Helper()
	top := cachetest.TempDir(t)
	// The upper layer must not be on an overlayfs, as it would be in a container.
	if err := syscall.Mount("none", top, "tmpfs", 0, "size=64m"); err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() { unmount(t, top) })
	paths := make(map[string]string)
	for _, name := range []string{"lower", "upper", "work", "merged"} {
		paths[name] = filepath.Join(top, name)
		if err := os.Mkdir(paths[name], 0o755); err != nil {
			t.Fatal(err)
		}
	}
	fill(t, filepath.Join(paths["lower"], "cache"))
	options := "lowerdir=" + paths["lower"] + ",upperdir=" + paths["upper"] + ",workdir=" + paths["work"] + ",redirect_dir=off"
	if err := syscall.Mount("overlay", paths["merged"], "overlay", 0, options); err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() { unmount(t, paths["merged"]) })
	test(t, filepath.Join(paths["merged"], "cache"))
}

// skipOrFail skips a test if this process may not mount a file system, or the system does
// not know it.
func skipOrFail(t *testing.T, err error) {
	t.Helper()
	for _, reason := range []error{syscall.EPERM, syscall.EACCES, syscall.ENODEV} {
		if errors.Is(err, reason) {
			t.Skipf("needs to mount a file system, as root: %v", err)
		}
	}
	t.Fatal(err)
}

func unmount(t *testing.T, dir string) {
	t.Helper()
	if err := syscall.Unmount(dir, 0); err != nil {
		t.Error(err)
	}
}

// An image may contain results, and folders of ours, that cannot be moved. The cache
// replaces them.
func TestCacheDirectoryInALowerLayer(t *testing.T) {
	fill := func(t *testing.T, dir string) {
		outputs(t, dir, "123", map[string]string{"old": "old", "sub/old": "old"})
		outputs(t, dir, "124", map[string]string{"a": "1"})
		writeFile(t, filepath.Join(dir, ".nx-azure-cache", "1-abcdefgh", "2", "a"), "left")
		writeFile(t, filepath.Join(dir, ".nx-azure-cache", "1-abcdefgh.lock"), "")
	}
	onOverlay(t, fill, func(t *testing.T, dir string) {
		moved := os.Rename(filepath.Join(dir, "123"), filepath.Join(dir, "moved"))
		if err, ok := moved.(*os.LinkError); !ok || err.Err != syscall.EXDEV {
			t.Fatalf("got %v, want a file system that fails with %v", moved, syscall.EXDEV)
		}
		blobs := stored(t, "123")
		c := newCache(t, blobs)
		for range 3 { // from the second time on, the result is in the upper layer
			if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
				t.Fatal(err)
			}
			checkResult(t, dir, "123")
			if exists(t, dir, "123", "old") || exists(t, dir, "123", "sub") {
				t.Error("the result contains files of the old one")
			}
		}
		store(t, c, "124", dir, 0, cache.TerminalOutput{Text: strings.Repeat("x", 10_000)})
		c.Close(t.Context())
		if exists(t, dir, ".nx-azure-cache") {
			t.Errorf("files are left:\n%s", list(t, dir))
		}
	})
}

// A result that is a mount point cannot be moved, either.
func TestResultThatIsAMountPoint(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	if err := syscall.Mount("none", filepath.Join(dir, "123"), "tmpfs", 0, "size=1m"); err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() { unmount(t, filepath.Join(dir, "123")) })
	writeFile(t, filepath.Join(dir, "123", "old"), "old")
	c := newCache(t, stored(t, "123"))
	for range 2 {
		if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
			t.Fatal(err)
		}
		checkResult(t, dir, "123")
		if exists(t, dir, "123", "old") {
			t.Error("the result contains files of the old one")
		}
	}
	checkNothingAside(t, dir)
}

// A copy leaves some free space on its file system, as all restored files do.
func TestMountPointThatIsTooSmall(t *testing.T) {
	from, dir, blobs := cachetest.TempDir(t), cachetest.TempDir(t), new(cachetest.Memory)
	outputs(t, from, "123", map[string]string{"a": cachetest.Noise(1, 1_010_000)})
	store(t, newCache(t, blobs), "123", from, 0, cache.TerminalOutput{})
	outputs(t, dir, "123", map[string]string{"old": ""})
	if err := syscall.Mount("none", filepath.Join(dir, "123"), "tmpfs", 0, "size=1m"); err != nil {
		skipOrFail(t, err)
	}
	t.Cleanup(func() { unmount(t, filepath.Join(dir, "123")) })
	hit, err := newCache(t, blobs).Retrieve(t.Context(), "123", dir)
	if hit != nil || !errors.Is(err, diskspace.ErrTooLittle) {
		t.Errorf("got %+v, %v; want %v", hit, err, diskspace.ErrTooLittle)
	}
	checkNothingAside(t, dir)
}
