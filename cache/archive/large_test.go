//go:build unix

package archive_test

// Tests of many bytes.

import (
	"bytes"
	"crypto/sha256"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// The trees that compress best are stored, and restored within the limits of their
// archives. F08 tests the largest file and many files.
func TestLargeExpansions(t *testing.T) {
	cachetest.SkipWithRace(t)
	for _, e := range expansions {
		if e.isSlow {
			continue
		}
		t.Run(e.name, func(t *testing.T) {
			from, to := cachetest.TempDir(t), cachetest.TempDir(t)
			if err := e.make(from); err != nil {
				t.Fatal(err)
			}
			content := mustWrite(t, archive.Task{Hash: "123"}, "", from)
			if _, err := codec.Extract(bytes.NewReader(content), to, "outputs", archive.LimitsOf(int64(len(content)))); err != nil {
				t.Fatal(err)
			}
			compare(t, listing(t, outputsOf(to)), listing(t, from))
		})
	}
}

// Sizes around the ends of frames, of those that are compressed with more effort and of
// others.
func TestLargeFrames(t *testing.T) {
	cachetest.SkipWithRace(t)
	const beside = 6 * 512 // the entries before, and the file's own header
	for _, frames := range []int{1, 2, 9, 12} {
		for _, more := range []int{-1024 - beside, -1, 0, 1} {
			size := frames*archive.MaxWindow + more
			from, to := cachetest.TempDir(t), cachetest.TempDir(t)
			plant(t, from, []node{{name: "a", content: cachetest.Noise(1, 1<<20) + strings.Repeat("0123456789abcdef", size/16-1<<16) + strings.Repeat("x", size%16)}})
			content := mustWrite(t, archive.Task{Hash: "123"}, "", from)
			mustExtract(t, content, to)
			compare(t, listing(t, outputsOf(to)), listing(t, from))
			if again := mustWrite(t, archive.Task{Hash: "123"}, "", from); !bytes.Equal(again, content) {
				t.Errorf("%d frames and %d bytes: the same tree results in other bytes", frames, more)
			}
		}
	}
}

func TestLargeFile(t *testing.T) {
	cachetest.SkipWithRace(t)
	const size = 60 << 20
	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	content := cachetest.Noise(7, size)
	plant(t, from, []node{{name: "bin/server", mode: 0o755, content: content}})
	mustExtract(t, mustWrite(t, archive.Task{Hash: "123"}, "", from), to)
	got, err := os.ReadFile(filepath.Join(outputsOf(to), "bin/server"))
	if err != nil || sha256.Sum256(got) != sha256.Sum256([]byte(content)) {
		t.Errorf("got %d bytes, %v; want the %d stored ones", len(got), err, size)
	}
}
