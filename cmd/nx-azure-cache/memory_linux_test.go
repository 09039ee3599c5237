package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// maxMemory is the most memory that a server may use, in KiB, whatever it stores and
// retrieves.
const maxMemory = 96 << 10

// buildCommand builds the command as for a release, except for its version. The test
// binary would also hold the tests, and perhaps the race detector, in memory.
func buildCommand(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "nx-azure-cache")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", file, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return file
}

// peakMemory returns the most memory that a process has used so far, in KiB.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	peak := regexp.MustCompile(`(?m)^VmHWM:\s*(\d+) kB$`).FindSubmatch(status)
	if peak == nil {
		t.Fatalf("no VmHWM in %s", status)
	}
	kilobytes, err := strconv.Atoi(string(peak[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes
}

// largeResults returns results with content of all kinds, by hash.
func largeResults() map[string][]byte {
	const size = 16 << 20
	noise := []byte(cachetest.Noise(1, size))
	text := []byte(strings.Repeat("the quick brown fox jumps over the lazy dog\n", size/44))
	half := make([]byte, 0, size)
	for i := 0; i+4096 <= size/2; i += 4096 {
		half = append(append(half, noise[i:i+4096]...), text[i:i+4096]...)
	}
	all := make(map[string][]byte)
	for i, content := range [][]byte{noise, text, half, noise, half, noise, text, noise} {
		all[fmt.Sprint(1000+i)] = content
	}
	return all
}

func writeResult(t *testing.T, dir, hash string, content []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(dir, hash), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, hash, "a"), content, 0o600); err != nil {
		t.Fatal(err)
	}
}

// All requests at once, as from Nx.
func TestMemory(t *testing.T) {
	cachetest.SkipWithRace(t)
	if testing.Short() {
		t.Skip("stores and retrieves half a gigabyte")
	}
	service := azuretest.New(azuretest.Options{Containers: []string{"artifacts"}})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	p := startProgram(t, buildCommand(t), testenv.Env{
		license.Variable:          testenv.License(t, "valid.jwt"),
		config.ConnectionVariable: service.ConnectionString(server.URL),
	}, "serve")
	s := p.session()
	initialized, _ := s.initialize(`{"container": "artifacts", "records": "all"}`)

	from, to := cachetest.TempDir(t), cachetest.TempDir(t)
	large := largeResults()
	var small []string
	for i := range 300 {
		small = append(small, fmt.Sprint(2000+i))
		writeResult(t, from, small[i], []byte(small[i]))
	}
	for hash, content := range large {
		writeResult(t, from, hash, content)
		writeResult(t, from, "9"+hash, content) // for later
		s.storeOne(from, hash)
	}
	for _, hash := range small {
		s.storeOne(from, hash)
	}
	s.awaitStored(len(large) + len(small))
	t.Logf("after storing: %d MiB", peakMemory(t, p.Process.Pid)>>10)

	var wg sync.WaitGroup
	for hash := range large {
		for i := range 5 {
			wg.Go(func() { s.retrieveOne(filepath.Join(to, fmt.Sprint(i)), hash) })
		}
		wg.Go(func() { s.storeOne(from, "9"+hash) })
	}
	for _, hash := range small {
		wg.Go(func() { s.retrieveOne(to, hash) })
	}
	wg.Wait()
	s.awaitStored(len(large))
	t.Logf("before the record: %d MiB", peakMemory(t, p.Process.Pid)>>10)
	run := storing{session: s, dir: from, folder: scratch.FolderPath(from, initialized.Session)}
	run.handOver(t, largeHandOver(1000))
	if err := s.Call(t.Context(), "shutdown", nil, nil); err != nil {
		t.Error(err)
	}
	if _, record := run.lastRun(t); len(record.Tasks) != 1000 {
		t.Errorf("got a record of %d tasks", len(record.Tasks))
	}
	if got := peakMemory(t, p.Process.Pid); got > maxMemory {
		t.Errorf("got a peak of %d MiB, want at most %d", got>>10, maxMemory>>10)
	} else {
		t.Logf("at its peak: %d MiB", got>>10)
	}
	s.Close()
	if code := p.exit(); code != 0 {
		t.Errorf("got the exit code %d: %s", code, p.stderr)
	}
}

func (s *session) storeOne(dir, hash string) {
	var code int
	var text string
	params := rpc.StoreParams{Hash: hash, CacheDirectory: dir, Code: &code, TerminalOutput: &text}
	var got rpc.StoreResult
	if err := s.Call(s.t.Context(), "store", params, &got); err != nil || !got.Queued {
		s.t.Errorf("store %s: got %+v, %v; want it queued", hash, got, err)
	}
}

func (s *session) awaitStored(results int) {
	for range results {
		if got := <-s.stored; got.Outcome != cache.OutcomeStored {
			s.t.Errorf("got %+v, want %q", got, cache.OutcomeStored)
		}
	}
}

func (s *session) retrieveOne(dir, hash string) {
	var got *rpc.RetrieveResult
	params := rpc.RetrieveParams{Hash: hash, CacheDirectory: dir}
	if err := s.Call(s.t.Context(), "retrieve", params, &got); err != nil || got == nil {
		s.t.Errorf("retrieve %s: got %+v, %v; want a hit", hash, got, err)
	}
}
