//go:build unix

package archive_test

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// If a reader accepts an archive, none of its links leads outside.
func TestNoChainOfLinksLeavesOutputs(t *testing.T) {
	cachetest.SkipWithRace(t)
	const seed, trees = 1, 400
	random := rand.New(rand.NewPCG(seed, seed))
	names := []string{"a", "b", "l", "m"}
	taken := 0
	for range trees {
		entries := with(folder("outputs/a/"), folder("outputs/a/b/"), folder("outputs/a/b/a/"), folder("outputs/b/"), folder("outputs/b/a/"))
		for _, name := range []string{"l", "m", "a/l", "a/b/l", "b/l", "b/a/m"} {
			target := slices.Repeat([]string{".."}, random.IntN(strings.Count(name, "/")+1))
			for range random.IntN(4) {
				target = append(target, names[random.IntN(len(names))])
			}
			if random.IntN(8) == 0 {
				target = append(target, slices.Repeat([]string{".."}, 1+random.IntN(3))...)
			}
			entries = append(entries, link("outputs/"+name, cmp.Or(strings.Join(target, "/"), ".")))
		}
		dir := cachetest.TempDir(t)
		if _, err := codec.Extract(bytes.NewReader(archiveOf(t, entries)), dir, "outputs", archive.Limits{}); err == nil {
			taken++
		}
		checkInside(t, dir)
		if t.Failed() {
			for _, e := range entries {
				t.Logf("%s -> %s", e.Name, e.Linkname)
			}
			return
		}
	}
	if taken < trees/4 {
		t.Errorf("%d of %d trees were accepted: too few to test anything", taken, trees)
	}
}

// [archive.Codec.Write] and [archive.Codec.Extract] agree on what a link may be.
func TestWriterAndReaderAgreeOnLinks(t *testing.T) {
	for _, target := range []string{
		"a", "./a", "a/b", "../a", ".././a", "..", "../..", "../../..", "a/..", "a/../..", "../a/../..", "/a", "//a", "C:", "C:a", "ab:c",
		`a\b`, `\a`, "...", "..a", "a/", "../", " ", "\xff", strings.Repeat("../", 100) + "a",
	} {
		t.Run(fmt.Sprintf("%.20q", target), func(t *testing.T) {
			from, to := cachetest.TempDir(t), cachetest.TempDir(t)
			if err := os.Mkdir(filepath.Join(from, "d"), 0o755); err != nil {
				t.Fatal(err)
			}
			plant(t, from, []node{{name: "d/l", target: target}})
			content, err := write(archive.Task{Hash: "123"}, "", from)
			if err != nil {
				return
			}
			mustExtract(t, content, to)
			if got, err := os.Readlink(filepath.Join(outputsOf(to), "d", "l")); err != nil || got != target {
				t.Errorf("got %q, %v; want %q", got, err, target)
			}
		})
	}
}
