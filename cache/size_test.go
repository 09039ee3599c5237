package cache_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestSizes(t *testing.T) {
	for text, want := range map[string]struct {
		size    cache.Size
		written string
	}{
		"1B":                        {1, "1B"},
		"999 B":                     {999, "999B"},
		"1KB":                       {1000, "1KB"},
		"1KiB":                      {1024, "1KiB"},
		"500MB":                     {500e6, "500MB"},
		"5000MiB":                   {5000 << 20, "5000MiB"},
		"2 GB":                      {2e9, "2GB"},
		"1.5GB":                     {1.5e9, "1500MB"},
		"1.5GiB":                    {3 << 29, "1536MiB"},
		"1.0001KB":                  {1000, "1KB"}, // whole bytes
		"1024MiB":                   {1 << 30, "1GiB"},
		"99999999999999999999999GB": {math.MaxInt64, "9223372036854775807B"},
	} {
		got, ok := cache.ParseSize(text)
		if !ok || got != want.size || got.String() != want.written {
			t.Errorf("%q: got %d, %t and %q, want %+v", text, got, ok, got, want)
		}
	}
	for _, text := range []string{"", "0", "0B", "0.5GB", "500", "500mb", "500Mb", "500M", "1TB", "-1MB", "+1MB", "1e3MB", "1,5GB", " 1MB", "1MB ", "1  MB", "MB", "1.MB", "1.5.1MB", "①MB"} {
		if got, ok := cache.ParseSize(text); ok {
			t.Errorf("%q: got %d, want none", text, got)
		}
	}
	if got := cache.Size(0).String(); got != "0B" {
		t.Errorf("got %q for an empty string", got)
	}
	for bytes, want := range map[float64]cache.Size{1: 1, 1e18: 1e18, 1e19: math.MaxInt64, math.MaxFloat64: math.MaxInt64} {
		if got := cache.SizeOf(bytes); got != want {
			t.Errorf("%g: got %d, want %d", bytes, got, want)
		}
	}
}

// An archive of exactly the maximum size is restored. A larger one is not fetched.
func TestMaxSizeOfRestoredArchives(t *testing.T) {
	dir := cachetest.TempDir(t)
	blobs := stored(t, "123")
	archive, _ := blobs.Blob(blobName("123"))
	for less, want := range map[cache.Size]bool{0: true, 1: false} {
		options := cachetest.Shared(blobs, cache.ReadWrite)
		options.MaxSize = cache.Size(len(archive.Content)) - less
		hit, err := closing(t, cache.New(options)).Retrieve(t.Context(), "123", dir)
		if (hit != nil) != want || !want && !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%v: got %v, %v; want a hit: %t", options.MaxSize, hit, err, want)
		}
		if restored := exists(t, dir, "123"); restored != want {
			t.Errorf("%v: restored: %t, want %t", options.MaxSize, restored, want)
		}
		checkNothingAside(t, dir)
		if err := os.RemoveAll(filepath.Join(dir, "123")); err != nil {
			t.Fatal(err)
		}
	}
}

// An archive of exactly the maximum size is stored. A larger one is not sent.
func TestMaxSizeOfStoredArchives(t *testing.T) {
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"noise": cachetest.Noise(1, 3<<20)}) // more than a spool keeps in memory
	try := func(limit cache.Size) (cache.Stored, int) {
		blobs := new(cachetest.Memory)
		options := cachetest.Shared(blobs, cache.ReadWrite)
		options.MaxSize = limit
		stored, reason, err := cachetest.Store(t.Context(), closing(t, cache.New(options)), "123", dir, 0, cache.TerminalOutput{})
		if reason != "" || err != nil {
			t.Fatalf("%v: got %q, %v", limit, reason, err)
		}
		checkNothingAside(t, dir)
		return stored, blobs.Puts()
	}
	any, _ := try(0)
	if exact, puts := try(cache.Size(any.Bytes)); exact != any || puts != 1 {
		t.Errorf("got %+v and %d puts, want %+v", exact, puts, any)
	}
	limit := cache.Size(any.Bytes - 1)
	less, puts := try(limit)
	if less.Outcome != cache.OutcomeRefused || puts != 0 {
		t.Fatalf("got %+v and %d puts, want %q", less, puts, cache.OutcomeRefused)
	}
	if want := "larger than " + limit.String() + ", the limit azure.maxArtifactSize"; !strings.Contains(less.Err.Error(), want) {
		t.Errorf("got %v, want %q", less.Err, want)
	}
}

// An entry that is too large in one place may be small enough in another.
func TestMaxSizeOfTwoPlaces(t *testing.T) {
	dir := cachetest.TempDir(t)
	large, small := stored(t, "123"), new(cachetest.Memory)
	outputs(t, dir, "123", map[string]string{"a": "small"})
	store(t, newCache(t, small), "123", dir, 0, cache.TerminalOutput{})
	options := cachetest.Shared(large, cache.ReadWrite)
	options.Reads = append(options.Reads, cachetest.Shared(small, cache.ReadWrite).Reads...)
	options.MaxSize = 50_000
	hit, err := closing(t, cache.New(options)).Retrieve(t.Context(), "123", dir)
	if err != nil || hit.Size != int64(len("small")) {
		t.Errorf("got %+v, %v; want the small entry", hit, err)
	}
}
