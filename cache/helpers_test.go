package cache_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// blobName returns the name of a result's blob under the options of [cachetest.Shared].
func blobName(hash string) string { return "v1/shared/" + hash }

// newCache returns a cache that is closed at the end of the test.
func newCache(t testing.TB, blobs cache.Blobs) *cache.Cache {
	return closing(t, cache.New(cachetest.Shared(blobs, cache.ReadWrite)))
}

// closing closes a cache at the end of the test.
func closing(t testing.TB, c *cache.Cache) *cache.Cache {
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// outputs writes the outputs of a task, as Nx does.
func outputs(t testing.TB, cacheDirectory, hash string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(cacheDirectory, hash, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// outputFile writes a terminal output to the cache's folder, as a client does.
func outputFile(t *testing.T, c *cache.Cache, cacheDirectory, text string) string {
	t.Helper()
	path := filepath.Join(scratch.FolderPath(cacheDirectory, c.Session()), "output")
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// tree returns the modes, contents and link targets below dir. It omits the folders of
// caches, which must be empty.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		text := info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d bytes %x", len(content), sha256.Sum256(content))
		}
		if entry.Name() == ".nx-azure-cache" {
			checkNothingAside(t, filepath.Dir(path))
			return filepath.SkipDir
		}
		name, err := filepath.Rel(dir, path)
		all[filepath.ToSlash(name)] = text
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// exists reports whether anything exists at a path.
func exists(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Lstat(filepath.Join(path...))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return err == nil
}

// checkNothingAside fails if a temporary file is left in a folder of a cache.
func checkNothingAside(t *testing.T, cacheDirectory string) {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(cacheDirectory, ".nx-azure-cache", "*", "*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left aside: %v, %v", left, err)
	}
}

func store(t *testing.T, c *cache.Cache, hash, cacheDirectory string, code int, output cache.TerminalOutput) {
	t.Helper()
	stored, reason, err := cachetest.Store(t.Context(), c, hash, cacheDirectory, code, output)
	if err != nil || stored.Outcome != cache.OutcomeStored {
		t.Fatalf("store %s: got %+v %q, %v; want %q", hash, stored, reason, err, cache.OutcomeStored)
	}
}

// stored returns blobs with the result of each hash: a file "a" with the text
// "result of HASH" and 100 KB of noise.
func stored(t *testing.T, hashes ...string) *cachetest.Memory {
	t.Helper()
	blobs := new(cachetest.Memory)
	dir, c, noise := t.TempDir(), newCache(t, blobs), cachetest.Noise(1, 100_000)
	for _, hash := range hashes {
		outputs(t, dir, hash, map[string]string{"a": "result of " + hash, "b/noise": noise})
		store(t, c, hash, dir, 0, cache.TerminalOutput{Text: "output of " + hash})
	}
	return blobs
}

// checkResult fails unless a result of stored is at its path.
func checkResult(t *testing.T, cacheDirectory, hash string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(cacheDirectory, hash, "a"))
	if want := "result of " + hash; err != nil || string(got) != want {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
	if got, err := os.ReadFile(filepath.Join(cacheDirectory, hash, "b", "noise")); err != nil || string(got) != cachetest.Noise(1, 100_000) {
		t.Errorf("got %d bytes of noise, %v; want 100000", len(got), err)
	}
}

// describe sets the metadata of a blob to match its content.
func describe(b *cachetest.Blob) {
	sum := sha256.Sum256(b.Content)
	b.Metadata = cache.Metadata{
		"format": "1",
		"length": strconv.Itoa(len(b.Content)),
		"sha256": hex.EncodeToString(sum[:]),
	}
}

// blobsFunc is a cache.Blobs of functions. Memory serves those that are nil.
type blobsFunc struct {
	*cachetest.Memory
	get     func(ctx context.Context, name string) (*cache.Blob, error)
	put     func(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error
	replace func(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error
}

func (b blobsFunc) Replace(ctx context.Context, name, etag string, body io.ReadSeeker, metadata cache.Metadata) error {
	if b.replace == nil {
		return b.Memory.Replace(ctx, name, etag, body, metadata)
	}
	return b.replace(ctx, name, etag, body, metadata)
}

func (b blobsFunc) Get(ctx context.Context, name string) (*cache.Blob, error) {
	if b.get == nil {
		return b.Memory.Get(ctx, name)
	}
	return b.get(ctx, name)
}

func (b blobsFunc) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	if b.put == nil {
		return b.Memory.Put(ctx, name, body, metadata)
	}
	return b.put(ctx, name, body, metadata)
}

// isAlive reports whether the process of a folder still runs. It is false if the folder
// or its lock belongs to another user.
func isAlive(folder string) bool {
	v, err := scratch.Visit(folder)
	if err != nil {
		return false
	}
	defer v.Close()
	alive, err := v.Alive()
	return alive && err == nil
}
