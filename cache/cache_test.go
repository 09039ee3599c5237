package cache_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

func TestStoreAndRetrieve(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, new(cachetest.Memory))
	outputs(t, dir, "123", map[string]string{"dist/main.js": "1", "dist/lib/util.js": "22", "empty.txt": ""})
	want := tree(t, filepath.Join(dir, "123"))

	store(t, c, "123", dir, 7, cache.TerminalOutput{Text: "\x1b[32mdone\x1b[0m\n"})
	if got := tree(t, filepath.Join(dir, "123")); !maps.Equal(got, want) {
		t.Errorf("storing changed the outputs: got %v, want %v", got, want)
	}
	checkNothingAside(t, dir)

	other := filepath.Join(cachetest.TempDir(t), "not", "there", "yet")
	hit, err := c.Retrieve(t.Context(), "123", other)
	if err != nil {
		t.Fatal(err)
	}
	if want := (cache.Hit{
		Code: 7, OutputsPath: filepath.Join(other, "123"), Size: 3,
		TerminalOutput: cache.TerminalOutput{Text: "\x1b[32mdone\x1b[0m\n"}, Scope: "shared", Bytes: hit.Bytes,
	}); *hit != want {
		t.Errorf("got %+v, want %+v", *hit, want)
	}
	if got := tree(t, hit.OutputsPath); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	checkNothingAside(t, other)
	if info, err := os.Stat(hit.OutputsPath); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o755) {
		t.Errorf("got %v, %v; want 0755, as Nx sets it", info.Mode(), err)
	}
}

func TestMiss(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, new(cachetest.Memory))
	hit, err := c.Retrieve(t.Context(), "123", dir)
	if hit != nil || !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %v, %v; want %v", hit, err, cache.ErrNotFound)
	}
	checkNothingAside(t, dir)
	c.Close(t.Context())
	if entries, err := os.ReadDir(dir); err != nil || len(entries) != 0 {
		t.Errorf("got %v, %v; want nothing written", entries, err)
	}
}

func TestBlobOfAResult(t *testing.T) {
	for _, test := range []struct {
		prefix string
		scope  trust.Scope
		want   string
	}{
		{"", trust.Shared, "v1/shared/123"},
		{"team", trust.Trusted, "team/v1/trusted/123"},
		{"a/b.c", trust.PullRequest("7"), "a/b.c/v1/pr-7/123"},
	} {
		blobs := new(cachetest.Memory)
		dir := cachetest.TempDir(t)
		outputs(t, dir, "123", map[string]string{"a": "1"})
		options := cachetest.Shared(blobs, cache.ReadWrite)
		options.Prefix, options.Writes.Scope, options.Reads[0].Scope = test.prefix, test.scope, test.scope
		c := closing(t, cache.New(options))
		store(t, c, "123", dir, 0, cache.TerminalOutput{})
		if got := blobs.Names(); !slices.Equal(got, []string{test.want}) {
			t.Errorf("got %v, want %s", got, test.want)
		}
		b, _ := blobs.Blob(test.want)
		sum := sha256.Sum256(b.Content)
		statement, err := trust.DecodeStatement(b.Metadata["statement"])
		if err != nil || time.Since(statement.Provenance.Time) > time.Minute {
			t.Errorf("got the statement %+v, %v", statement, err)
		}
		statement.Provenance = trust.Provenance{}
		if want := (trust.Statement{
			Hash: "123", Scope: test.scope, Prefix: test.prefix, Format: 1,
			Length: int64(len(b.Content)), SHA256: hex.EncodeToString(sum[:]),
		}); statement != want {
			t.Errorf("got the statement %+v, want %+v", statement, want)
		}
		delete(b.Metadata, "statement")
		if want := (cache.Metadata{
			"format": "1", "length": fmt.Sprint(len(b.Content)), "sha256": hex.EncodeToString(sum[:]),
		}); !maps.Equal(b.Metadata, want) {
			t.Errorf("got metadata %v, want %v", b.Metadata, want)
		}
		if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
			t.Error(err)
		}
	}
}

// Below, at and above what a spool keeps in memory (1 MiB).
func TestArchivesOfAllSizes(t *testing.T) {
	for _, size := range []int{0, 1, 1<<20 - 4096, 1<<20 - 1024, 1 << 20, 1<<20 + 1, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			dir := cachetest.TempDir(t)
			blobs := new(cachetest.Memory)
			content := cachetest.Noise(3, size)
			outputs(t, dir, "123", map[string]string{"noise": content})
			store(t, newCache(t, blobs), "123", dir, 0, cache.TerminalOutput{})
			if b, _ := blobs.Blob(blobName("123")); len(b.Content) < size {
				t.Errorf("got a blob of %d bytes, want more than the %d of noise", len(b.Content), size)
			}
			checkNothingAside(t, dir)

			other := cachetest.TempDir(t)
			if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", other); err != nil {
				t.Fatal(err)
			}
			if got, err := os.ReadFile(filepath.Join(other, "123", "noise")); err != nil || string(got) != content {
				t.Errorf("got %d bytes, %v; want the %d stored ones", len(got), err, size)
			}
			checkNothingAside(t, other)
		})
	}
}

func TestTerminalOutput(t *testing.T) {
	for _, test := range []struct {
		name   string
		size   int
		asFile bool
	}{
		{"empty", 0, false},
		{"short", 100, false},
		{"at the limit", archive.InlineTerminalOutput, false},
		{"above the limit", archive.InlineTerminalOutput + 1, true},
		{"large", 3 << 20, true},
	} {
		text := cachetest.Noise(4, test.size)
		for _, from := range []string{"text", "file"} {
			t.Run(test.name+" from "+from, func(t *testing.T) {
				dir := cachetest.TempDir(t)
				outputs(t, dir, "123", map[string]string{"a": "1"})
				given := cache.TerminalOutput{Text: text}
				c := newCache(t, new(cachetest.Memory))
				if from == "file" {
					given = cache.TerminalOutput{Path: outputFile(t, c, dir, text)}
				}
				store(t, c, "123", dir, 0, given)
				if from == "file" && exists(t, given.Path) {
					t.Error("the caller's file still exists; the cache owns it")
				}

				hit, err := c.Retrieve(t.Context(), "123", dir)
				if err != nil {
					t.Fatal(err)
				}
				got := hit.TerminalOutput
				if (got.Path != "") != test.asFile {
					t.Errorf("got the file %q, want a file: %t", got.Path, test.asFile)
				}
				if got.Path != "" {
					content, err := os.ReadFile(got.Path)
					if err != nil || got.Text != "" {
						t.Errorf("got %d bytes and the file %s, %v; want only the file", len(got.Text), got.Path, err)
					}
					got.Text = string(content)
					if err := os.Remove(got.Path); err != nil {
						t.Error(err)
					}
					// The next request removes the folder, which is now empty.
					if _, err := c.Retrieve(t.Context(), "124", dir); !errors.Is(err, cache.ErrNotFound) {
						t.Error(err)
					}
					store(t, newCache(t, new(cachetest.Memory)), "123", dir, 0, cache.TerminalOutput{})
				}
				if got.Text != text {
					t.Errorf("got %d bytes, want the %d stored ones", len(got.Text), len(text))
				}
				checkNothingAside(t, dir)
			})
		}
	}
}

func TestTerminalOutputFileThatIsMissing(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	blobs := new(cachetest.Memory)
	c := newCache(t, blobs)
	missing := filepath.Join(scratch.FolderPath(dir, c.Session()), "missing")
	_, _, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{Path: missing})
	if !errors.Is(err, os.ErrNotExist) || blobs.Puts() != 0 {
		t.Errorf("got %v and %d puts, want %v and none", err, blobs.Puts(), os.ErrNotExist)
	}
	checkNothingAside(t, dir)
}

func TestRetrieveReplacesAnExistingResult(t *testing.T) {
	for _, test := range []struct {
		name string
		make func(path string) error
	}{
		{"nothing", func(string) error { return nil }},
		{"an empty folder", func(path string) error { return os.Mkdir(path, 0o755) }},
		{"a folder", func(path string) error {
			return errors.Join(os.MkdirAll(filepath.Join(path, "old", "folder"), 0o755), os.WriteFile(filepath.Join(path, "a"), []byte("old"), 0o644))
		}},
		{"a read-only folder", func(path string) error {
			return errors.Join(os.MkdirAll(filepath.Join(path, "old", "folder"), 0o755), os.WriteFile(filepath.Join(path, "a"), []byte("old"), 0o444),
				os.Chmod(filepath.Join(path, "old", "folder"), 0o555), os.Chmod(filepath.Join(path, "old"), 0o555), os.Chmod(path, 0o555))
		}},
		{"a read-only empty folder", func(path string) error { return os.Mkdir(path, 0o555) }},
		{"a file", func(path string) error { return os.WriteFile(path, []byte("old"), 0o444) }},
		{"a link", func(path string) error { return os.Symlink("elsewhere", path) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			if err := test.make(filepath.Join(dir, "123")); err != nil {
				t.Fatal(err)
			}
			if _, err := newCache(t, stored(t, "123")).Retrieve(t.Context(), "123", dir); err != nil {
				t.Fatal(err)
			}
			checkResult(t, dir, "123")
			if got := slices.Sorted(maps.Keys(tree(t, filepath.Join(dir, "123")))); !slices.Equal(got, []string{".", "a", "b", "b/noise"}) {
				t.Errorf("got %v, want no file of the existing result", got)
			}
			checkNothingAside(t, dir)
		})
	}
}

// A task's outputs may be read-only, and so may be an existing result. A restored result
// is writable, as when Nx copies it.
func TestReadOnlyOutputs(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a/b/c": "1"})
	want := tree(t, filepath.Join(dir, "123"))
	makeReadOnly := func(dir string) {
		t.Helper()
		for _, name := range []string{"a/b", "a"} {
			if err := os.Chmod(filepath.Join(dir, "123", name), 0o555); err != nil {
				t.Fatal(err)
			}
		}
	}
	makeReadOnly(dir)
	c := newCache(t, new(cachetest.Memory))
	store(t, c, "123", dir, 0, cache.TerminalOutput{})
	for range 2 { // first without an existing result, then over the restored one
		other := filepath.Join(dir, "other")
		if _, err := c.Retrieve(t.Context(), "123", other); err != nil {
			t.Fatal(err)
		}
		if got := tree(t, filepath.Join(other, "123")); !maps.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		checkNothingAside(t, other)
		makeReadOnly(other)
	}
}

func TestOutcomes(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := new(cachetest.Memory)
	c := newCache(t, blobs)
	outputs(t, dir, "123", map[string]string{"a": "first"})
	store(t, c, "123", dir, 0, cache.TerminalOutput{})
	first, _ := blobs.Blob(blobName("123"))

	outputs(t, dir, "123", map[string]string{"a": "second"})
	stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
	if want := (cache.Stored{Hash: "123", Outcome: cache.OutcomeExists}); stored != want || reason != "" || err != nil {
		t.Errorf("got %+v %q, %v; want %+v", stored, reason, err, want)
	}
	if b, _ := blobs.Blob(blobName("123")); string(b.Content) != string(first.Content) {
		t.Error("the first result was overwritten")
	}

	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "123", "link")); err != nil {
		t.Fatal(err)
	}
	puts := blobs.Puts()
	stored, _, err = cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
	if stored.Outcome != cache.OutcomeRefused || !strings.Contains(stored.Err.Error(), "link -> /etc/passwd") || err != nil {
		t.Errorf("got %+v, %v; want %q with the link", stored, err, cache.OutcomeRefused)
	}
	stored, _, err = cachetest.Store(t.Context(), c, "404", dir, 0, cache.TerminalOutput{})
	if stored.Outcome != cache.OutcomeEvicted || !strings.Contains(stored.Err.Error(), filepath.Join(dir, "404")) || err != nil {
		t.Errorf("no outputs: got %+v, %v; want %q with the path", stored, err, cache.OutcomeEvicted)
	}
	if got := blobs.Puts(); got != puts {
		t.Errorf("got %d puts for results that cannot be stored, want none", got-puts)
	}
	checkNothingAside(t, dir)
}

func TestModes(t *testing.T) {
	for _, test := range []struct {
		mode       cache.Mode
		hit        bool
		outcome    cache.Outcome
		gets, puts int
	}{
		{cache.ReadWrite, true, cache.OutcomeExists, 1, 1},
		{cache.ReadOnly, true, "", 1, 0},
		{cache.NoCache, false, "", 0, 0},
	} {
		t.Run(string(test.mode), func(t *testing.T) {
			dir := cachetest.TempDir(t)
			blobs := stored(t, "123")
			gets, puts := blobs.Gets(), blobs.Puts()
			options := cachetest.Shared(blobs, test.mode)
			options.CacheFailures = false // with it, an existing entry costs a request
			c := closing(t, cache.New(options))
			hit, err := c.Retrieve(t.Context(), "123", dir)
			if (hit != nil) != test.hit || !test.hit && !errors.Is(err, cache.ErrNotFound) {
				t.Errorf("got %v, %v; want a hit: %t", hit, err, test.hit)
			}
			outputs(t, dir, "123", map[string]string{"c": "1"})
			stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
			if stored.Outcome != test.outcome || err != nil {
				t.Errorf("got %+v, %v; want %q", stored, err, test.outcome)
			}
			if test.mode != cache.ReadWrite && !strings.Contains(reason, string(test.mode)) {
				t.Errorf("got the reason %q, want one that names the mode", reason)
			}
			if got := [2]int{blobs.Gets() - gets, blobs.Puts() - puts}; got != [2]int{test.gets, test.puts} {
				t.Errorf("got %v gets and puts, want %d and %d", got, test.gets, test.puts)
			}
		})
	}
}

func TestInvalidHashes(t *testing.T) {
	for _, hash := range []string{"", ".", "..", "../123", "a/b", `a\b`, ".nx-azure-cache"} {
		parent := cachetest.TempDir(t)
		dir := filepath.Join(parent, "cache")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		before := tree(t, parent)
		blobs := new(cachetest.Memory)
		c := newCache(t, blobs)
		if hit, err := c.Retrieve(t.Context(), hash, dir); err == nil || errors.Is(err, cache.ErrNotFound) {
			t.Errorf("retrieve %q: got %v, %v; want an error", hash, hit, err)
		}
		if stored, _, err := cachetest.Store(t.Context(), c, hash, dir, 0, cache.TerminalOutput{}); err == nil {
			t.Errorf("store %q: got %+v, want an error", hash, stored)
		}
		if got := tree(t, parent); !maps.Equal(got, before) || blobs.Gets()+blobs.Puts() != 0 {
			t.Errorf("%q: got %v and %d requests, want nothing written and no request", hash, got, blobs.Gets()+blobs.Puts())
		}
	}
}

func TestErrorsOfTheStorage(t *testing.T) {
	for _, want := range []error{errors.New("no route to host"), &cache.ConfigError{Err: errors.New("no such container")}} {
		dir := cachetest.TempDir(t)
		outputs(t, dir, "123", map[string]string{"a": "local"})
		c := newCache(t, failing{want})
		before := tree(t, dir)
		if hit, err := c.Retrieve(t.Context(), "123", dir); hit != nil || !errors.Is(err, want) || err.Error() != want.Error() {
			t.Errorf("got %v, %v; want %v", hit, err, want)
		}
		stored, _, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
		if stored.Outcome != cache.OutcomeFailed || !errors.Is(stored.Err, want) || stored.Err.Error() != want.Error() || err != nil {
			t.Errorf("got %+v, %v; want %v", stored, err, want)
		}
		c.Close(t.Context())
		if got := tree(t, dir); !maps.Equal(got, before) {
			t.Errorf("got %v, want %v", got, before)
		}
	}
}
