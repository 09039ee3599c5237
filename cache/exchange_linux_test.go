package cache_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// Another Nx process may read a result while it is restored again. The result exists at
// every moment.
func TestResultExistsWhileItIsRestoredAgain(t *testing.T) {
	for _, mode := range []fs.FileMode{0o755, 0o555} {
		t.Run("mode "+mode.String(), func(t *testing.T) {
			dir := cachetest.TempDir(t)
			needExchange(t, dir)
			c := newCache(t, stored(t, "123"))
			restore := func() {
				if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
					t.Error(err)
				}
			}
			restore()
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				for range 300 {
					if err := os.Chmod(filepath.Join(dir, "123"), mode); err != nil {
						t.Error(err)
					}
					restore()
				}
			}()
			isMissing := func() bool {
				_, err := os.Lstat(filepath.Join(dir, "123", "a"))
				return err != nil
			}
			looks, missing := lookUntil(ended, isMissing)
			if looks == 0 || missing > 0 {
				t.Errorf("the result was missing in %d of %d checks", missing, looks)
			}
		})
	}
}

// lookUntil checks repeatedly until ended is closed, and counts.
func lookUntil(ended <-chan struct{}, isMissing func() bool) (looks, missing int) {
	for ; ; looks++ {
		select {
		case <-ended:
			return looks, missing
		default:
		}
		if isMissing() {
			missing++
		}
	}
}

// needExchange skips a test if the file system cannot exchange two names.
func needExchange(t *testing.T, dir string) {
	t.Helper()
	names := []string{filepath.Join(dir, "one"), filepath.Join(dir, "another")}
	for _, name := range names {
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(name) // or the test would find it
	}
	err := unix.Renameat2(unix.AT_FDCWD, names[0], unix.AT_FDCWD, names[1], unix.RENAME_EXCHANGE)
	if errors.Is(err, errors.ErrUnsupported) || errors.Is(err, unix.EINVAL) {
		t.Skipf("this file system cannot exchange two names: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}
