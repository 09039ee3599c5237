//go:build unix

package archive_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/nx-azure-cache/nx-azure-cache/cache/archive"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// expansions are the trees that [archive.Codec.Write] compresses best.
var expansions = []struct {
	name   string
	isSlow bool // to be restored
	make   func(dir string) error
}{
	{"zeros of 1 MB", false, func(dir string) error { return sparse(dir, "zeros", 1e6) }},
	{"zeros of 64 MB", false, func(dir string) error { return sparse(dir, "zeros", 64e6) }},
	{"zeros of 300 MB", false, func(dir string) error { return sparse(dir, "zeros", 300e6) }},
	{"zeros of 2.2 GiB", true, func(dir string) error { return sparse(dir, "zeros", 2200<<20) }},
	{"ones of 64 MB", false, func(dir string) error { return repeated(dir, "\x01", 64e6) }},
	{"a repeated line of 64 MB", false, func(dir string) error { return repeated(dir, "exports.a = 1;\n", 64e6) }},
	{"a repeated paragraph of 64 MB", false, func(dir string) error { return repeated(dir, cachetest.Noise(1, 4096), 64e6) }},
	{"20000 empty files", true, func(dir string) error {
		return times(20_000, func(i int) error { return os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), nil, 0o644) })
	}},
	{"20000 links", true, func(dir string) error {
		return times(20_000, func(i int) error { return os.Symlink("target", filepath.Join(dir, fmt.Sprint(i))) })
	}},
	{"2000 equal files of 100 KB", true, func(dir string) error {
		content := []byte(cachetest.Noise(1, 100_000))
		return times(2000, func(i int) error { return os.WriteFile(filepath.Join(dir, fmt.Sprint(i)), content, 0o644) })
	}},
}

func sparse(dir, name string, size int64) error {
	f, err := os.Create(filepath.Join(dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

func repeated(dir, text string, size int) error {
	return os.WriteFile(filepath.Join(dir, "repeated"), []byte(strings.Repeat(text, size/len(text))), 0o644)
}

func times(n int, f func(i int) error) error {
	for i := range n {
		if err := f(i); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkExpansion measures how many bytes of tar one byte of an archive unpacks to: on
// average, and in the frame that is compressed best.
func BenchmarkExpansion(b *testing.B) {
	for _, e := range expansions {
		b.Run(e.name, func(b *testing.B) {
			dir := cachetest.TempDir(b)
			if err := e.make(dir); err != nil {
				b.Fatal(err)
			}
			var packed bytes.Buffer
			for b.Loop() {
				packed.Reset()
				if err := codec.Write(&packed, archive.Task{Hash: "123"}, strings.NewReader(""), 0, dir, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
			var plain, best float64
			for _, frame := range framesOf(b, packed.Bytes()) {
				size := float64(plainSize(b, frame))
				plain += size
				best = max(best, size/float64(len(frame)))
			}
			b.ReportMetric(plain/float64(packed.Len()), "archive-x")
			b.ReportMetric(best, "frame-x")
		})
	}
}

// framesOf cuts an archive into its frames.
func framesOf(t testing.TB, content []byte) (frames [][]byte) {
	t.Helper()
	for len(content) > 0 {
		var header zstd.Header
		if err := header.Decode(content); err != nil {
			t.Fatal(err)
		}
		end := header.HeaderSize
		for last := false; !last; {
			block := int(content[end]) | int(content[end+1])<<8 | int(content[end+2])<<16
			last = block&1 == 1
			if end += 3; block>>1&3 == 1 { // one byte, repeated
				end++
			} else {
				end += block >> 3
			}
		}
		if header.HasCheckSum {
			end += 4
		}
		frames = append(frames, content[:end])
		content = content[end:]
	}
	return frames
}

func plainSize(t testing.TB, frame []byte) int64 {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(frame), zstd.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	n, err := io.Copy(io.Discard, r)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
