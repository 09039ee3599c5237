package cache_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diskspace"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// If a result does not fit on this machine's disk, it is neither a hit nor damaged, and
// leaves nothing behind.
func TestRetrieveOnAFullDisk(t *testing.T) {
	cachetest.SkipWithRace(t)
	cachetest.OnSmallDisk(t, func(t *testing.T, disk string) {
		from := cachetest.TempDir(t)
		many := make(map[string]string)
		for i := range 150 {
			many[fmt.Sprint(i)] = ""
		}
		outputs(t, from, "12", map[string]string{"a": cachetest.Noise(1, 12<<20)})
		outputs(t, from, "20", map[string]string{"a": cachetest.Noise(1, 20<<20)})
		outputs(t, from, "150", many)
		outputs(t, from, "1", map[string]string{"a": "small"})
		blobs := new(cachetest.Memory)
		for _, hash := range []string{"12", "20", "150", "1"} {
			store(t, newCache(t, blobs), hash, from, 0, cache.TerminalOutput{})
		}
		dir := filepath.Join(disk, "cache")
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		c := newCache(t, blobs)
		for _, hash := range []string{"12", "20", "150"} {
			hit, err := c.Retrieve(t.Context(), hash, dir)
			if hit != nil || err == nil || errors.Is(err, cache.ErrDamaged) || errors.Is(err, cache.ErrNotFound) {
				t.Errorf("%s: got %+v, %v; want another error", hash, hit, err)
			}
			if want := "free space on the file system of " + dir; !strings.Contains(fmt.Sprint(err), want) {
				t.Errorf("%s: got %v, want it to contain %q", hash, err, want)
			}
			if !fileerror.Is(err) {
				t.Errorf("%s: got %v, want a file error", hash, err)
			}
			if exists(t, dir, hash) {
				t.Errorf("%s exists", hash)
			}
			checkNothingAside(t, dir)
		}
		if hit, err := c.Retrieve(t.Context(), "1", dir); err != nil || hit == nil {
			t.Errorf("got %+v, %v; want a hit if there is space", hit, err)
		}
		if got := c.Summary(); got.Failed != 3 || got.Damaged != 0 || got.Hits != 1 {
			t.Errorf("got %+v, want 3 failures", got)
		}
	})
}

// Storing also needs space, for terminal outputs and archives that wait for their upload.
// An archive leaves some space to Nx, whose run would fail on a full disk.
func TestStoreOnAFullDisk(t *testing.T) {
	cachetest.OnSmallDisk(t, func(t *testing.T, disk string) {
		dir := filepath.Join(disk, "cache")
		outputs(t, dir, "1", map[string]string{"a": cachetest.Noise(1, 5<<20)})
		blobs := new(cachetest.Memory)
		c := newCache(t, cache.NewBreaker(blobs))
		err := storeFails(t, c, "1", dir, cache.TerminalOutput{})
		checkFull(t, "the archive", dir, err)
		if !errors.Is(err, diskspace.ErrTooLittle) {
			t.Errorf("the archive: got %v, want %v", err, diskspace.ErrTooLittle)
		}
		checkFull(t, "the terminal output", dir, storeFails(t, c, "1", dir, cache.TerminalOutput{Text: cachetest.Noise(2, 6<<20)}))
		if names := blobs.Names(); len(names) > 0 {
			t.Errorf("got %v, want nothing stored", names)
		}
	})
}

func checkFull(t *testing.T, what, dir string, err error) {
	t.Helper()
	want := "free space on the file system of " + dir
	if !fileerror.Is(err) || !strings.Contains(fmt.Sprint(err), want) {
		t.Errorf("%s: got %v, want a file error with %q", what, err, want)
	}
}
