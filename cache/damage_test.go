package cache_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic/diagnostictest"
)

// failing is a storage whose requests all fail.
type failing struct{ err error }

func (f failing) Get(context.Context, string) (*cache.Blob, error)                 { return nil, f.err }
func (f failing) Exists(context.Context, string) (bool, error)                     { return false, f.err }
func (f failing) Put(context.Context, string, io.ReadSeeker, cache.Metadata) error { return f.err }

func (f failing) Replace(context.Context, string, string, io.ReadSeeker, cache.Metadata) error {
	return f.err
}

func TestDamagedEntries(t *testing.T) {
	cachetest.SkipWithRace(t)
	for _, test := range []struct {
		name   string
		damage func(b, other *cachetest.Blob)
		want   string // part of the error
	}{
		{"truncated", func(b, _ *cachetest.Blob) { b.Content = b.Content[:len(b.Content)-1] }, "its metadata says"},
		{"truncated to a half", func(b, _ *cachetest.Blob) { b.Content = b.Content[:len(b.Content)/2] }, "its metadata says"},
		{"truncated to nothing", func(b, _ *cachetest.Blob) { b.Content = nil }, "its metadata says"},
		{"truncated before it was described", func(b, _ *cachetest.Blob) {
			b.Content = b.Content[:len(b.Content)/2]
			describe(b)
		}, "rejected"},
		{"a byte too many", func(b, _ *cachetest.Blob) { b.Content = append(b.Content, 0) }, "its metadata says"},
		{"a byte too many that was described", func(b, _ *cachetest.Blob) {
			b.Content = append(b.Content, 0)
			describe(b)
		}, "rejected"},
		{"a flipped bit at the beginning", func(b, _ *cachetest.Blob) { b.Content[0] ^= 1 }, ""},
		{"a flipped bit in the middle", func(b, _ *cachetest.Blob) { b.Content[len(b.Content)/2] ^= 1 }, ""},
		{"a flipped bit at the end", func(b, _ *cachetest.Blob) { b.Content[len(b.Content)-1] ^= 1 }, ""},
		{"another SHA-256", func(b, _ *cachetest.Blob) { b.Metadata["sha256"] = strings.Repeat("0", 64) }, "its SHA-256 is"},
		{"an SHA-256 for terminals", func(b, _ *cachetest.Blob) { b.Metadata["sha256"] = strings.Repeat("\x1b[2J", 16) }, "its SHA-256 is"},
		{"a length for terminals", func(b, _ *cachetest.Blob) { b.Metadata["length"] = strings.Repeat("\u202e", 2000) }, "its metadata says"},
		{"an SHA-256 that is none", func(b, _ *cachetest.Blob) { b.Metadata["sha256"] = "0" }, "no SHA-256"},
		{"no SHA-256", func(b, _ *cachetest.Blob) { delete(b.Metadata, "sha256") }, "no SHA-256"},
		{"another length", func(b, _ *cachetest.Blob) { b.Metadata["length"] = "1" }, `says "1"`},
		{"a length that is no number", func(b, _ *cachetest.Blob) { b.Metadata["length"] = "many" }, `says "many"`},
		{"no length", func(b, _ *cachetest.Blob) { delete(b.Metadata, "length") }, `says ""`},
		{"another format", func(b, _ *cachetest.Blob) { b.Metadata["format"] = "2" }, `the format "2"`},
		{"no format", func(b, _ *cachetest.Blob) { delete(b.Metadata, "format") }, `the format ""`},
		{"no metadata", func(b, _ *cachetest.Blob) { b.Metadata = nil }, `the format ""`},
		{"text", func(b, _ *cachetest.Blob) {
			b.Content = []byte("<html>sign in first</html>")
			describe(b)
		}, "rejected"},
		{"the result of another hash", func(b, other *cachetest.Blob) { *b = *other }, `it holds the result of "456"`},
	} {
		for _, there := range []string{"nothing", "a local folder"} {
			t.Run(test.name+" over "+there, func(t *testing.T) {
				dir := cachetest.TempDir(t)
				if there != "nothing" {
					outputs(t, dir, "123", map[string]string{"local": "as it was", "a": "local"})
				}
				before := tree(t, dir)
				blobs := stored(t, "123", "456")
				other, _ := blobs.Blob(blobName("456"))
				blobs.Alter(blobName("123"), func(b *cachetest.Blob) { test.damage(b, &other) })

				c := newCache(t, blobs)
				hit, err := c.Retrieve(t.Context(), "123", dir)
				if hit != nil || !errors.Is(err, cache.ErrDamaged) || !strings.Contains(err.Error(), test.want) {
					t.Errorf("got %v, %v; want %v with %q", hit, err, cache.ErrDamaged, test.want)
				}
				diagnostictest.CheckError(t, err)
				if text := err.Error(); len(text) > 1000 || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
					t.Errorf("got %q, want printable text", text)
				}
				if got := tree(t, dir); !maps.Equal(got, before) {
					t.Errorf("got %v, want %v", got, before)
				}
				if got := c.Summary(); got != (cache.Summary{Damaged: 1}) {
					t.Errorf("got %+v, want one damaged entry", got)
				}
				if _, err := c.Retrieve(t.Context(), "456", dir); err != nil {
					t.Errorf("the other result: %v", err)
				}
			})
		}
	}
}

// The digest is known to be wrong only at the end of the body.
func TestDigestIsCheckedBeforeAnythingIsPlaced(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "123")
	blobs.Alter(blobName("123"), func(b *cachetest.Blob) { b.Metadata["sha256"] = strings.Repeat("0", 64) })
	if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrDamaged) {
		t.Errorf("got %v, want %v", err, cache.ErrDamaged)
	}
	if exists(t, dir, "123") {
		t.Error("the result exists")
	}
}

// breaking returns blobs whose bodies break after half of their bytes.
func breaking(m *cachetest.Memory, body func(half, rest io.Reader) io.Reader) cache.Blobs {
	return blobsFunc{Memory: m, get: func(ctx context.Context, name string) (*cache.Blob, error) {
		b, err := m.Get(ctx, name)
		if err == nil {
			var half bytes.Buffer
			if _, err := io.CopyN(&half, b.Body, b.Size/2); err != nil {
				return nil, err
			}
			b.Body = io.NopCloser(body(&half, b.Body))
		}
		return b, err
	}}
}

func TestBodyThatBreaks(t *testing.T) {
	reset := errors.New("connection reset")
	for _, test := range []struct {
		name    string
		err     error
		summary cache.Summary
	}{
		{"the connection", reset, cache.Summary{Failed: 1}},
		{"nx#34032 F16: the blob is gone", cache.ErrNotFound, cache.Summary{Misses: 1}},
		{"the rights", &cache.ConfigError{Err: reset}, cache.Summary{Failed: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			outputs(t, dir, "123", map[string]string{"a": "local"})
			before := tree(t, dir)
			c := newCache(t, breaking(stored(t, "123"), func(half, _ io.Reader) io.Reader {
				return io.MultiReader(half, iotest.ErrReader(test.err))
			}))
			hit, err := c.Retrieve(t.Context(), "123", dir)
			if hit != nil || !errors.Is(err, test.err) || errors.Is(err, cache.ErrDamaged) {
				t.Errorf("got %v, %v; want %v", hit, err, test.err)
			}
			if got := tree(t, dir); !maps.Equal(got, before) {
				t.Errorf("got %v, want %v", got, before)
			}
			if got := c.Summary(); got != test.summary {
				t.Errorf("got %+v, want %+v", got, test.summary)
			}
		})
	}
}

// A proxy that ends a body early without an error.
func TestBodyThatEndsEarly(t *testing.T) {
	dir := cachetest.TempDir(t)
	c := newCache(t, breaking(stored(t, "123"), func(half, _ io.Reader) io.Reader { return half }))
	if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrDamaged) || !strings.Contains(err.Error(), "bytes are missing") {
		t.Errorf("got %v, want %v that names the missing bytes", err, cache.ErrDamaged)
	}
	if exists(t, filepath.Join(dir, "123")) {
		t.Error("the result exists")
	}
	checkNothingAside(t, dir)
}

// The run that finds an entry damaged replaces it with its own result (turborepo#3127,
// F25, F33). Other runs do not touch it.
func TestDamagedEntryIsReplaced(t *testing.T) {
	flip := func(b *cachetest.Blob) { b.Content[len(b.Content)/2] ^= 1 }
	damaged := func(t *testing.T) (dir string, blobs *cachetest.Memory, c *cache.Cache) {
		dir, blobs = cachetest.TempDir(t), stored(t, "123")
		blobs.Alter(blobName("123"), flip)
		c = newCache(t, blobs)
		if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrDamaged) {
			t.Fatalf("got %v, want %v", err, cache.ErrDamaged)
		}
		outputs(t, dir, "123", map[string]string{"a": "result of 123", "b/noise": cachetest.Noise(1, 100_000)})
		return dir, blobs, c
	}
	outcome := func(t *testing.T, c *cache.Cache, dir string, want cache.Outcome) {
		t.Helper()
		stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{})
		if stored.Outcome != want || reason != "" || err != nil {
			t.Errorf("got %+v %q, %v; want %q", stored, reason, err, want)
		}
	}
	t.Run("by the run that found it", func(t *testing.T) {
		dir, blobs, c := damaged(t)
		outcome(t, c, dir, cache.OutcomeStored)
		outcome(t, c, dir, cache.OutcomeExists) // it replaces the entry only once
		other := cachetest.TempDir(t)
		if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", other); err != nil {
			t.Fatal(err)
		}
		checkResult(t, other, "123")
	})
	t.Run("not by another run", func(t *testing.T) {
		dir, blobs, _ := damaged(t)
		outcome(t, newCache(t, blobs), dir, cache.OutcomeExists)
		if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrDamaged) {
			t.Errorf("got %v, want %v", err, cache.ErrDamaged)
		}
	})
	t.Run("not when another run has replaced it", func(t *testing.T) {
		dir, blobs, c := damaged(t)
		blobs.Alter(blobName("123"), flip) // repairs it
		outcome(t, c, dir, cache.OutcomeExists)
		if _, err := newCache(t, blobs).Retrieve(t.Context(), "123", cachetest.TempDir(t)); err != nil {
			t.Error(err)
		}
	})
	t.Run("not when it could not be read", func(t *testing.T) {
		dir, blobs := cachetest.TempDir(t), stored(t, "123")
		c := newCache(t, breaking(blobs, func(half, _ io.Reader) io.Reader {
			return io.MultiReader(half, iotest.ErrReader(errors.New("connection reset")))
		}))
		if _, err := c.Retrieve(t.Context(), "123", dir); err == nil {
			t.Fatal("got a hit")
		}
		outputs(t, dir, "123", map[string]string{"a": "1"})
		outcome(t, c, dir, cache.OutcomeExists)
	})
}
