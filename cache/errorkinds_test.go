//go:build unix

package cache_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// Errors of other kinds stay unchanged.
func TestFileErrorKeepsOtherKinds(t *testing.T) {
	for _, err := range []error{
		nil,
		context.Canceled,
		fmt.Errorf("%w: a socket", archive.ErrNotStorable),
		fmt.Errorf("%w: it is gone", archive.ErrChanged),
		fmt.Errorf("%w: cut short", cache.ErrDamaged),
		&cache.ConfigError{Err: errors.New("create it")},
	} {
		if got := cache.FileErrorOf("DIR", err); fileerror.Is(got) || !errors.Is(got, err) {
			t.Errorf("got %v of %v", got, err)
		}
	}
}

// failingBlobs fails with the given errors.
type failingBlobs struct {
	cache.Blobs
	get, body, put error
}

func (f failingBlobs) Get(ctx context.Context, name string) (*cache.Blob, error) {
	if f.get != nil {
		return nil, f.get
	}
	blob, err := f.Blobs.Get(ctx, name)
	if err == nil && f.body != nil {
		blob.Body = io.NopCloser(io.MultiReader(io.LimitReader(blob.Body, 10), failingReader{f.body}))
	}
	return blob, err
}

func (f failingBlobs) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	if f.put != nil {
		return f.put
	}
	return f.Blobs.Put(ctx, name, body, metadata)
}

// storeFails returns why a result is not stored.
func storeFails(t *testing.T, c *cache.Cache, hash, cacheDirectory string, output cache.TerminalOutput) error {
	t.Helper()
	stored, reason, err := cachetest.Store(t.Context(), c, hash, cacheDirectory, 0, output)
	if err == nil {
		err = stored.Err
	}
	if err == nil {
		t.Errorf("got %+v %q, want an error", stored, reason)
	}
	return err
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// Errors of the network hold the same numbers as errors of files. The code that
// makes an error decides its kind.
func TestStorageErrorsAreNotFileErrors(t *testing.T) {
	full := new(cachetest.Memory)
	from := t.TempDir()
	outputs(t, from, "1", map[string]string{"a": cachetest.Noise(1, 100<<10)})
	store(t, newCache(t, full), "1", from, 0, cache.TerminalOutput{})
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENOSPC, syscall.EACCES, syscall.EIO, syscall.ECONNRESET, syscall.ENOENT} {
		for _, err := range []error{
			&net.OpError{Op: "dial", Err: os.NewSyscallError("socket", number)},
			&fs.PathError{Op: "read", Path: "pipe", Err: number},
		} {
			for name, blobs := range map[string]failingBlobs{
				"Get": {Blobs: full, get: err}, "the body of Get": {Blobs: full, body: err}, "Put": {Blobs: new(cachetest.Memory), put: err},
			} {
				var got error
				if c := newCache(t, blobs); name == "Put" {
					got = storeFails(t, c, "1", from, cache.TerminalOutput{})
				} else {
					_, got = c.Retrieve(t.Context(), "1", t.TempDir())
				}
				if got == nil || fileerror.Is(got) || !errors.Is(got, number) {
					t.Errorf("%s: got %v of %v", name, got, err)
				}
			}
		}
	}
}

// obstacles are problems of a cache directory, and what the error must say.
var obstacles = map[string]struct {
	make func(t *testing.T, cacheDirectory string)
	says string
}{
	"a file instead of our folder": {func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, ".nx-azure-cache"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}, "delete it"},
	"a link instead of our folder": {func(t *testing.T, dir string) {
		if err := os.Symlink(t.TempDir(), filepath.Join(dir, ".nx-azure-cache")); err != nil {
			t.Fatal(err)
		}
	}, "follows no links"},
	"a file instead of the cache directory": {func(t *testing.T, dir string) {
		if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
			t.Fatal(err)
		}
	}, "set NX_CACHE_DIRECTORY"},
	"a cache directory that all users may write": {func(t *testing.T, dir string) {
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}, "is not safe"},
}

// All problems of the cache directory are file errors, when reading and when writing.
// None of them counts as a failure of the storage.
func TestObstaclesAreFileErrors(t *testing.T) {
	stored := new(cachetest.Memory)
	from := t.TempDir()
	outputs(t, from, "1", map[string]string{"a": "hello"})
	store(t, newCache(t, stored), "1", from, 0, cache.TerminalOutput{})
	for name, obstacle := range obstacles {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "cache")
			outputs(t, dir, "2", map[string]string{"a": "hello"})
			obstacle.make(t, dir)
			c := newCache(t, cache.NewBreaker(stored))
			for range 6 { // more than trip a breaker
				_, reading := c.Retrieve(t.Context(), "1", dir)
				if !fileerror.Is(reading) || !strings.Contains(fmt.Sprint(reading), obstacle.says) {
					t.Errorf("reading: got %v, want a file error with %q", reading, obstacle.says)
				}
			}
			if name == "a file instead of the cache directory" {
				return // there is no result to store
			}
			_, writing := c.Store(t.Context(), cachetest.Result("2", dir, 0, cache.TerminalOutput{}), func(cache.Stored) {})
			if !fileerror.Is(writing) || !strings.Contains(fmt.Sprint(writing), obstacle.says) {
				t.Errorf("writing: got %v, want a file error with %q", writing, obstacle.says)
			}
			other := t.TempDir()
			if _, err := c.Retrieve(t.Context(), "1", other); err != nil {
				t.Errorf("got %v, want a hit in another directory", err)
			}
		})
	}
}

// An error when reading a body from the disk does not count as a failure of the storage.
func TestBreakerIgnoresFileErrors(t *testing.T) {
	memory := new(cachetest.Memory)
	b := cache.NewBreaker(failingBlobs{Blobs: memory, put: cache.FileErrorOf("DIR", syscall.EIO)})
	for range 20 {
		if err := b.Put(t.Context(), "x", strings.NewReader(""), nil); !fileerror.Is(err) {
			t.Fatalf("got %v, want the file's error", err)
		}
	}
	if _, err := b.Get(t.Context(), "x"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %v, want a miss: the cache still uses the storage", err)
	}
}
