package archive_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
)

// FuzzExtract extracts any bytes, either as they are or, to get past the
// checksums, as the tar in a zstd frame.
func FuzzExtract(f *testing.F) {
	paths, err := filepath.Glob("../../testdata/archives/*.tar.zst")
	if err != nil || len(paths) == 0 {
		f.Fatalf("no golden archives: %v", err)
	}
	for _, path := range paths {
		content, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content, false)
		if content = decompress(f, content); len(content) < 100_000 {
			f.Add(content, true)
		}
	}
	for _, h := range hostiles() {
		f.Add(tarOf(f, h.entries), true)
	}
	f.Add(tarOf(f, with(folder("outputs/a/"), file("outputs/a/b", "x"), link("outputs/a/l", "../a/b"))), true)

	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithWindowSize(1<<20))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content []byte, isTar bool) {
		if isTar {
			content = encoder.EncodeAll(content, nil)
		}
		sandbox, dir := newSandbox(t)
		before := outside(t, sandbox)
		limits := archive.Limits{Entries: 200, Bytes: 1 << 20}

		contents, err := archive.Extract(bytes.NewReader(content), dir, limits)

		compare(t, outside(t, sandbox), before)
		if err != nil {
			return
		}
		checkInside(t, dir)
		if contents.Size > limits.Bytes {
			t.Errorf("got %d bytes, want at most %d", contents.Size, limits.Bytes)
		}
		if n := len(listing(t, archive.OutputsPath(dir))); n > limits.Entries {
			t.Errorf("got %d entries, want at most %d", n, limits.Entries)
		}
	})
}
