package backfill_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/backfill"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// blobs is a storage whose requests a test can watch.
type blobs struct {
	*cachetest.Memory
	onExists, onPut func(ctx context.Context, name string) error // nil means nothing
}

func (b blobs) Exists(ctx context.Context, name string) (bool, error) {
	if b.onExists != nil {
		if err := b.onExists(ctx, name); err != nil {
			return false, err
		}
	}
	return b.Memory.Exists(ctx, name)
}

func (b blobs) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	if b.onPut != nil {
		if err := b.onPut(ctx, name); err != nil {
			return err
		}
	}
	return b.Memory.Put(ctx, name, body, metadata)
}

// optionsOf are those of a run that reads and writes as its scope does.
func optionsOf(storage cache.Blobs, scope trust.Scope) cache.Options {
	options := cache.Options{Mode: cache.ReadWrite, Writes: cache.Place{Blobs: storage, Scope: scope}}
	for _, read := range (trust.Run{Scope: scope}).Reads() {
		options.Reads = append(options.Reads, cache.Place{Blobs: storage, Scope: read})
	}
	return options
}

// developer is the cache of a developer's machine.
func developer(t *testing.T, storage cache.Blobs) *cache.Cache {
	c := cache.New(optionsOf(storage, trust.Local))
	t.Cleanup(func() { c.Close(context.Background()) })
	return c
}

// reports collects outcomes by hash.
type reports struct {
	mu  sync.Mutex
	all map[string]cache.Stored
}

func (r *reports) add(stored cache.Stored) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.all == nil {
		r.all = make(map[string]cache.Stored)
	}
	r.all[stored.Hash] = stored
}

func (r *reports) outcome(hash string) cache.Outcome {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.all[hash].Outcome
}

// keep writes a result as Nx keeps it, and returns its hit. Its outputs have 7 bytes, and
// its terminal output 5.
func keep(t *testing.T, cacheDirectory, hash string) backfill.LocalHit {
	t.Helper()
	for path, content := range map[string]string{filepath.Join(hash, "dist", "a"): "outputs", filepath.Join("terminalOutputs", hash): "done\n"} {
		path = filepath.Join(cacheDirectory, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	return backfill.LocalHit{Hash: hash, Size: 12}
}

// A local hit that no scope of the run has is stored, as the run itself would have stored
// it. The others only count.
func TestStoresWhatIsMissing(t *testing.T) {
	dir, memory := cachetest.TempDir(t), new(cachetest.Memory)
	for hash, scope := range map[string]trust.Scope{"1": trust.Trusted, "2": trust.Local, "3": "pr-7"} {
		keep(t, dir, hash)
		c := cache.New(optionsOf(memory, scope))
		if stored, reason, err := cachetest.Store(t.Context(), c, hash, dir, 0, cache.TerminalOutput{}); stored.Outcome != cache.OutcomeStored {
			t.Fatalf("store %s: got %+v, %q, %v", hash, stored, reason, err)
		}
		c.Close(t.Context())
	}
	puts := memory.Puts()
	c, got := developer(t, memory), new(reports)
	q := backfill.New(t.Context(), c, got.add)
	hits := []backfill.LocalHit{keep(t, dir, "1"), keep(t, dir, "2"), keep(t, dir, "3"), keep(t, dir, "4")}
	q.Add(dir, hits...)
	q.Add(dir, hits...) // the second time does nothing
	q.Drain(t.Context())
	for hash, want := range map[string]cache.Outcome{"1": cache.OutcomeExists, "2": cache.OutcomeExists, "3": cache.OutcomeStored, "4": cache.OutcomeStored} {
		if got := got.outcome(hash); got != want {
			t.Errorf("%s: got %q, want %q", hash, got, want)
		}
	}
	if want := []string{"v1/local/2", "v1/local/3", "v1/local/4", "v1/pr-7/3", "v1/trusted/1"}; !slices.Equal(memory.Names(), want) {
		t.Errorf("got %v, want %v", memory.Names(), want)
	}
	if got := memory.Puts() - puts; got != 2 {
		t.Errorf("got %d puts, want 2", got)
	}
	if got := c.Summary(); got.Stored != 2 || got.Existing != 2 || got.Failed+got.Skipped+got.Misses+got.Hits != 0 {
		t.Errorf("got the summary %+v, want 2 stored and 2 existing", got)
	}
	// Another machine gets it.
	other := cachetest.TempDir(t)
	hit, err := developer(t, memory).Retrieve(t.Context(), "4", other)
	if err != nil || hit.Code != 0 || hit.TerminalOutput.Text != "done\n" || hit.Size != 7 {
		t.Errorf("got %+v, %v; want the result", hit, err)
	}
	if content, err := os.ReadFile(filepath.Join(other, "4", "dist", "a")); string(content) != "outputs" {
		t.Errorf("got %q, %v; want the outputs", content, err)
	}
}

// A local cache may hold what a pull request or another machine has put there. Only
// developers store it, for developers.
func TestOnlyDevelopersBackfill(t *testing.T) {
	for _, scope := range []trust.Scope{trust.Trusted, trust.PullRequest("7"), trust.Branch("x"), trust.Shared, trust.Untrusted, trust.Tag("v1"), trust.ReadOnly("x")} {
		c := cache.New(optionsOf(new(cachetest.Memory), scope))
		if backfill.New(t.Context(), c, nil) != nil {
			t.Errorf("a run of the scope %s backfills", scope)
		}
		c.Close(t.Context())
	}
	for _, mode := range []cache.Mode{cache.ReadOnly, cache.NoCache} {
		options := optionsOf(new(cachetest.Memory), trust.Local)
		options.Mode = mode
		c := cache.New(options)
		if backfill.New(t.Context(), c, nil) != nil {
			t.Errorf("a run with the mode %s backfills", mode)
		}
		c.Close(t.Context())
	}
}

// Results that may not be what Nx has found are not stored, and are no failure.
func TestDoubtfulResults(t *testing.T) {
	remove := func(t *testing.T, path ...string) {
		if err := os.RemoveAll(filepath.Join(path...)); err != nil {
			t.Fatal(err)
		}
	}
	write := func(t *testing.T, content string, path ...string) {
		if err := os.WriteFile(filepath.Join(path...), []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	link := func(t *testing.T, target string, path ...string) {
		remove(t, path...)
		if err := os.Symlink(target, filepath.Join(path...)); err != nil {
			t.Skip(err)
		}
	}
	for name, test := range map[string]struct {
		before, during func(t *testing.T, dir string) // the lookup
		isIgnored      bool                           // there is no outcome
	}{
		"no outputs":            {before: func(t *testing.T, dir string) { remove(t, dir, "1") }, isIgnored: true},
		"an output is missing":  {before: func(t *testing.T, dir string) { remove(t, dir, "1", "dist", "a") }},
		"an output is too long": {before: func(t *testing.T, dir string) { write(t, "a longer output", dir, "1", "dist", "a") }},
		"no terminal output":    {before: func(t *testing.T, dir string) { remove(t, dir, "terminalOutputs", "1") }},
		"a terminal output that is a link": {before: func(t *testing.T, dir string) {
			write(t, "done\n", dir, "terminalOutputs", "2")
			link(t, "2", dir, "terminalOutputs", "1")
		}},
		"a terminal output in a folder that is a link": {before: func(t *testing.T, dir string) {
			keep(t, filepath.Join(dir, "other"), "1")
			link(t, filepath.Join(dir, "other", "terminalOutputs"), dir, "terminalOutputs")
		}},
		"a terminal output that is a folder": {before: func(t *testing.T, dir string) {
			remove(t, dir, "terminalOutputs", "1")
			if err := os.Mkdir(filepath.Join(dir, "terminalOutputs", "1"), 0o755); err != nil {
				t.Fatal(err)
			}
		}},
		"the outputs are removed":        {during: func(t *testing.T, dir string) { remove(t, dir, "1") }},
		"an output is removed":           {during: func(t *testing.T, dir string) { remove(t, dir, "1", "dist", "a") }},
		"an output changes":              {during: func(t *testing.T, dir string) { write(t, "changed", dir, "1", "dist", "a") }},
		"an output is added":             {during: func(t *testing.T, dir string) { write(t, "", dir, "1", "dist", "b") }},
		"the terminal output changes":    {during: func(t *testing.T, dir string) { write(t, "Done\n", dir, "terminalOutputs", "1") }},
		"the terminal output is removed": {during: func(t *testing.T, dir string) { remove(t, dir, "terminalOutputs", "1") }},
	} {
		t.Run(name, func(t *testing.T) {
			dir := cachetest.TempDir(t)
			hit := keep(t, dir, "1")
			if test.before != nil {
				test.before(t, dir)
			}
			storage := blobs{Memory: new(cachetest.Memory), onExists: func(context.Context, string) error {
				if test.during != nil {
					time.Sleep(50 * time.Millisecond) // the clock of the file system ticks
					test.during(t, dir)
				}
				return nil
			}}
			got := new(reports)
			q := backfill.New(t.Context(), developer(t, storage), got.add)
			q.Add(dir, hit)
			q.Drain(t.Context())
			want := cache.OutcomeChanged
			if test.isIgnored {
				want = ""
			}
			outcome := got.outcome("1")
			if outcome == cache.OutcomeEvicted {
				outcome = cache.OutcomeChanged // Nx may have removed it
			}
			if outcome != want || len(storage.Names()) > 0 {
				t.Errorf("got %+v and the blobs %v, want %q and none", got.all, storage.Names(), want)
			}
		})
	}
}

// A result that a remote cache gave Nx has the size of its outputs only, and Nx 20 and 21
// record no size.
func TestSizes(t *testing.T) {
	for size, want := range map[int64]cache.Outcome{0: cache.OutcomeStored, 7: cache.OutcomeStored, 12: cache.OutcomeStored, 8: cache.OutcomeChanged} {
		dir, got := cachetest.TempDir(t), new(reports)
		hit := keep(t, dir, "1")
		hit.Size = size
		q := backfill.New(t.Context(), developer(t, new(cachetest.Memory)), got.add)
		q.Add(dir, hit)
		q.Drain(t.Context())
		if got := got.outcome("1"); got != want {
			t.Errorf("size %d: got %q, want %q", size, got, want)
		}
	}
}

// After a failure, the rest is dropped: each result would need a request that fails, too.
func TestFailureEndsIt(t *testing.T) {
	failure := errors.New("503 ServerBusy")
	for name, storage := range map[string]blobs{
		"lookup": {Memory: new(cachetest.Memory), onExists: func(context.Context, string) error { return failure }},
		"put":    {Memory: new(cachetest.Memory), onPut: func(context.Context, string) error { return failure }},
	} {
		t.Run(name, func(t *testing.T) {
			dir, got := cachetest.TempDir(t), new(reports)
			var hits []backfill.LocalHit
			for i := range 100 {
				hits = append(hits, keep(t, dir, fmt.Sprint(i+1)))
			}
			c := developer(t, storage)
			q := backfill.New(t.Context(), c, got.add)
			q.Add(dir, hits...)
			q.Drain(t.Context())
			q.Add(dir, keep(t, dir, "1000"))
			q.Drain(t.Context())
			var failed int
			for _, stored := range got.all {
				if stored.Outcome == cache.OutcomeFailed && errors.Is(stored.Err, failure) {
					failed++
				}
			}
			if failed != 1 || len(storage.Names()) > 0 {
				t.Errorf("got %d failures in %d reports, blobs %v; want one failure and nothing", failed, len(got.all), storage.Names())
			}
		})
	}
}

// One result is stored at a time, and at most 16 are looked up, so that the results of the
// run itself come first.
func TestConcurrency(t *testing.T) {
	var looking, mostLooks, putting, mostPuts atomic.Int64
	watch := func(now, most *atomic.Int64) func(context.Context, string) error {
		return func(context.Context, string) error {
			n := now.Add(1)
			defer now.Add(-1)
			for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
			}
			time.Sleep(2 * time.Millisecond)
			return nil
		}
	}
	storage := blobs{Memory: new(cachetest.Memory), onExists: watch(&looking, &mostLooks), onPut: watch(&putting, &mostPuts)}
	dir := cachetest.TempDir(t)
	var hits []backfill.LocalHit
	for i := range 100 {
		hits = append(hits, keep(t, dir, fmt.Sprint(i+1)))
	}
	q := backfill.New(t.Context(), developer(t, storage), new(reports).add)
	q.Add(dir, hits...)
	q.Drain(t.Context())
	if len(storage.Names()) != 100 || mostLooks.Load() > 16 || mostPuts.Load() != 1 {
		t.Errorf("got %d blobs with at most %d lookups and %d puts at once; want 100, 16 and 1", len(storage.Names()), mostLooks.Load(), mostPuts.Load())
	}
}

// When Drain returns, the queue no longer uses the cache, however little time there was.
func TestDrainEnds(t *testing.T) {
	for name, hang := range map[string]string{"lookup": "exists", "put": "put"} {
		t.Run(name, func(t *testing.T) {
			arrived, closed := make(chan struct{}, 1000), atomic.Bool{}
			wait := func(ctx context.Context, _ string) error {
				arrived <- struct{}{}
				<-ctx.Done()
				return context.Cause(ctx)
			}
			storage := blobs{Memory: new(cachetest.Memory)}
			if hang == "put" {
				storage.onPut = wait
			} else {
				storage.onExists = wait
			}
			dir := cachetest.TempDir(t)
			var hits []backfill.LocalHit
			for i := range 40 {
				hits = append(hits, keep(t, dir, fmt.Sprint(i+1)))
			}
			c := cache.New(optionsOf(storage, trust.Local))
			q := backfill.New(t.Context(), c, func(stored cache.Stored) {
				if closed.Load() || stored.Outcome == cache.OutcomeFailed {
					t.Errorf("got %+v at the end", stored)
				}
			})
			q.Add(dir, hits...)
			<-arrived
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			q.Drain(ended)
			closed.Store(true)
			c.Close(ended)
			if entries, err := os.ReadDir(dir); err != nil || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return strings.HasPrefix(e.Name(), ".") }) {
				t.Errorf("left %v, %v", entries, err)
			}
		})
	}
}

// A queue that does not exist has nothing to do.
func TestWithoutQueue(t *testing.T) {
	var q *backfill.Queue
	q.Drain(t.Context()) // returns
}
