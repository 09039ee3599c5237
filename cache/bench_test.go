package cache_test

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// results are the workloads of the benchmarks. Only `npm run bench` measures whole runs,
// with Nx's client.
var results = []struct {
	name  string
	files int
	size  int // bytes of each, about half of them noise
}{
	{"3 files of 7 KB", 3, 7_000},
	{"2000 files of 10 KB", 2000, 10_000},
	{"a file of 100 MB", 1, 100_000_000},
}

func benchmarkResult(b *testing.B, files, size int) (dir string) {
	b.Helper()
	dir = cachetest.TempDir(b)
	all := make(map[string]string, files)
	for i := range files {
		all[fmt.Sprintf("%d/%d", i%20, i)] = cachetest.Noise(uint64(i), size/2) + strings.Repeat("words and words\n", size/32)
	}
	outputs(b, dir, "123", all)
	return dir
}

func BenchmarkRetrieve(b *testing.B) {
	for _, r := range results {
		b.Run(r.name, func(b *testing.B) {
			m, dir := new(cachetest.Memory), benchmarkResult(b, r.files, r.size)
			c := newCache(b, m)
			if _, _, err := cachetest.Store(b.Context(), c, "123", dir, 0, cache.TerminalOutput{}); err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(r.files) * int64(r.size))
			b.ReportAllocs()
			to := cachetest.TempDir(b)
			n := 0
			for b.Loop() {
				n++
				if _, err := c.Retrieve(b.Context(), "123", filepath.Join(to, fmt.Sprint(n))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// As Nx 24 does with a batch of tasks.
func BenchmarkRetrievesAtOnce(b *testing.B) {
	m, from := new(cachetest.Memory), cachetest.TempDir(b)
	c := newCache(b, m)
	var hashes []string
	for i := range 300 {
		hash := fmt.Sprint(1000 + i)
		hashes = append(hashes, hash)
		outputs(b, from, hash, map[string]string{"a": cachetest.Noise(uint64(i), 7_000), "b": hash, "dist/c": cachetest.Noise(uint64(i), 12_000)})
		if _, _, err := cachetest.Store(b.Context(), c, hash, from, 0, cache.TerminalOutput{}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	to := cachetest.TempDir(b)
	n := 0
	for b.Loop() {
		n++
		dir := filepath.Join(to, fmt.Sprint(n))
		var wg sync.WaitGroup
		for _, hash := range hashes {
			wg.Go(func() {
				if _, err := c.Retrieve(b.Context(), hash, dir); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
	}
}

func BenchmarkStore(b *testing.B) {
	for _, r := range results {
		b.Run(r.name, func(b *testing.B) {
			dir := benchmarkResult(b, r.files, r.size)
			b.SetBytes(int64(r.files) * int64(r.size))
			b.ReportAllocs()
			c := newCache(b, blobsFunc{put: func(_ context.Context, _ string, body io.ReadSeeker, _ cache.Metadata) error {
				_, err := io.Copy(io.Discard, body)
				return err
			}})
			for b.Loop() {
				if _, _, err := cachetest.Store(b.Context(), c, "123", dir, 0, cache.TerminalOutput{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
