package cache_test

import (
	"context"
	"errors"
	"io"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/archive/manifest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cache/verification"
)

// verifying returns the options of a trusted run that verifies all its hits.
func verifying(blobs cache.Blobs) cache.Options {
	options := as(blobs, trust.Trusted)
	options.Verify = 1
	options.Provenance.Run = "https://ci/2"
	return options
}

// requests counts the requests to blobs.
type requests struct {
	*cachetest.Memory
	gets, puts atomic.Int64
}

func (r *requests) Get(ctx context.Context, name string) (*cache.Blob, error) {
	r.gets.Add(1)
	return r.Memory.Get(ctx, name)
}

func (r *requests) Put(ctx context.Context, name string, body io.ReadSeeker, metadata cache.Metadata) error {
	r.puts.Add(1)
	return r.Memory.Put(ctx, name, body, metadata)
}

// verify stores a result with the text "1", retrieves it with options, and returns the
// outcome for what the run made instead.
func verify(t *testing.T, blobs *requests, options cache.Options, made string, code int) cache.Stored {
	t.Helper()
	first := as(blobs, trust.Trusted)
	first.Provenance.Run = "https://ci/1"
	storeAs(t, first, "123", "1")
	before, _ := blobs.Blob("v1/trusted/123")
	blobs.gets.Store(0)
	blobs.puts.Store(0)

	c, dir := closing(t, cache.New(options)), cachetest.TempDir(t)
	for range 2 { // Nx 22.7 and 23.0 repeat lookups
		if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrSampled) || !errors.Is(err, cache.ErrNotFound) {
			t.Fatalf("got %v, want %v", err, cache.ErrSampled)
		}
	}
	if exists(t, dir, "123") {
		t.Error("the entry was restored")
	}
	outputs(t, dir, "123", map[string]string{"a": made})
	stored, reason, err := cachetest.Store(t.Context(), c, "123", dir, code, cache.TerminalOutput{Text: "another time"})
	if reason != "" || err != nil {
		t.Fatalf("got %q, %v", reason, err)
	}
	if blobs.gets.Load() != 1 || blobs.puts.Load() != 0 {
		t.Errorf("got %d downloads and %d uploads, want 1 and 0", blobs.gets.Load(), blobs.puts.Load())
	}
	if after, _ := blobs.Blob("v1/trusted/123"); !slices.Equal(before.Content, after.Content) {
		t.Error("the stored entry was replaced")
	}
	if got := c.Summary(); got.Hits != 0 || got.Misses != 1 || got.Existing != 1 || got.Failed != 0 {
		t.Errorf("got %+v, want 1 miss and 1 existing entry", got)
	}
	return stored
}

func TestVerifyEqualResult(t *testing.T) {
	blobs := &requests{Memory: new(cachetest.Memory)}
	if stored := verify(t, blobs, verifying(blobs), "1", 0); stored.Outcome != cache.OutcomeExists || stored.Err != nil {
		t.Errorf("got %+v, want %q", stored, cache.OutcomeExists)
	}
}

func TestVerifyOtherResult(t *testing.T) {
	blobs := &requests{Memory: new(cachetest.Memory)}
	stored := verify(t, blobs, verifying(blobs), "2", 0)
	d, ok := errors.AsType[*verification.Difference](stored.Err)
	if stored.Outcome != cache.OutcomeDiffers || !ok {
		t.Fatalf("got %+v, want %q", stored, cache.OutcomeDiffers)
	}
	want := []manifest.Difference{{Name: "a", What: manifest.Content}}
	if !slices.Equal(d.Files, want) || d.Stored.Run != "https://ci/1" || d.Stored.Time.IsZero() || d.Run != "https://ci/2" || d.Hash != "123" {
		t.Errorf("got %+v, want %v of both runs", d, want)
	}
}

// Without NX_CACHE_FAILURES, no one stores the result of a failed task. It differs anyway.
func TestVerifyFailureThatIsNotStored(t *testing.T) {
	blobs := new(cachetest.Memory)
	planted := as(blobs, trust.Trusted)
	planted.Provenance.Run = "https://ci/1"
	storeAs(t, planted, "123", "1")
	c := closing(t, cache.New(verifying(blobs)))
	if d := c.Failed("123", "shop:test"); d != nil {
		t.Errorf("before the lookup: got %v", d)
	}
	if _, err := c.Retrieve(t.Context(), "123", cachetest.TempDir(t)); !errors.Is(err, cache.ErrSampled) {
		t.Fatalf("got %v, want %v", err, cache.ErrSampled)
	}
	d := c.Failed("123", "shop:test")
	if d == nil || d.Hash != "123" || d.Task != "shop:test" || d.Stored.Run != "https://ci/1" || d.Run != "https://ci/2" || !strings.Contains(d.Error(), ": the task failed; ") {
		t.Errorf("got %+v", d)
	}
	if d := c.Failed("123", "shop:test"); d != nil {
		t.Errorf("the second time: got %v", d)
	}
	off := closing(t, cache.New(as(blobs, trust.Trusted)))
	if d := off.Failed("123", "shop:test"); d != nil {
		t.Errorf("without azure.verify: got %v", d)
	}
}

// A failed task has another result than one that succeeded.
func TestVerifyFailure(t *testing.T) {
	blobs := &requests{Memory: new(cachetest.Memory)}
	options := verifying(blobs)
	options.CacheFailures = true
	if stored := verify(t, blobs, options, "1", 3); stored.Outcome != cache.OutcomeDiffers || !strings.Contains(stored.Err.Error(), "exit code is 3") {
		t.Errorf("got %+v, want %q", stored, cache.OutcomeDiffers)
	}
}

// Only trusted runs that store verify.
func TestWhoVerifies(t *testing.T) {
	for _, scope := range []trust.Scope{trust.Local, trust.PullRequest("1"), trust.Branch("x"), trust.Shared, trust.Untrusted} {
		blobs := new(cachetest.Memory)
		options := as(blobs, scope)
		options.Verify = 1
		writer := trust.Trusted
		if scope == trust.Shared {
			writer = scope
		}
		storeAs(t, as(blobs, writer), "123", "1")
		if text, err := retrieveAs(t, options, "123"); err != nil || text != "1" {
			t.Errorf("%s: got %q, %v, want a hit", scope, text, err)
		}
	}
	blobs := new(cachetest.Memory)
	storeAs(t, as(blobs, trust.Trusted), "123", "1")
	for name, change := range map[string]func(o *cache.Options){
		"read-only":    func(o *cache.Options) { o.Mode = cache.ReadOnly },
		"a share of 0": func(o *cache.Options) { o.Verify = 0 },
	} {
		options := verifying(blobs)
		change(&options)
		if text, err := retrieveAs(t, options, "123"); err != nil || text != "1" {
			t.Errorf("%s: got %q, %v, want a hit", name, text, err)
		}
	}
	if _, err := retrieveAs(t, verifying(blobs), "123"); !errors.Is(err, cache.ErrSampled) {
		t.Errorf("a trusted run: got %v, want %v", err, cache.ErrSampled)
	}
}

// A sampled entry is checked as that of a hit.
func TestVerifyUnusableEntries(t *testing.T) {
	for name, plant := range map[string]func(*cachetest.Blob){
		"truncated": func(b *cachetest.Blob) { b.Content = b.Content[:len(b.Content)-1] },
		"no archive": func(b *cachetest.Blob) {
			b.Content = []byte("junk")
			describe(b)
		},
		"not signed": func(*cachetest.Blob) {},
	} {
		blobs := new(cachetest.Memory)
		storeAs(t, as(blobs, trust.Trusted), "123", "1")
		b, _ := blobs.Blob("v1/trusted/123")
		plant(&b)
		blobs.Set("v1/trusted/123", b)
		options := verifying(blobs)
		if name == "not signed" {
			options.Verifier = signing(t, blobs, newKey(t)).Verifier
		}
		_, err := retrieveAs(t, options, "123")
		if !errors.Is(err, cache.ErrDamaged) || errors.Is(err, cache.ErrNotFound) {
			t.Errorf("%s: got %v, want %v", name, err, cache.ErrDamaged)
		}
	}
}

// The entry of a failed task is a miss as always, and a success replaces it.
func TestVerifyEntryOfFailure(t *testing.T) {
	blobs := new(cachetest.Memory)
	options := verifying(blobs)
	options.CacheFailures = true
	dir := cachetest.TempDir(t)
	outputs(t, dir, "123", map[string]string{"a": "1"})
	store(t, closing(t, cache.New(options)), "123", dir, 1, cache.TerminalOutput{})

	c := closing(t, cache.New(options))
	if _, err := c.Retrieve(t.Context(), "123", cachetest.TempDir(t)); !errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrSampled) {
		t.Errorf("got %v, want %v", err, cache.ErrNotFound)
	}
	store(t, c, "123", dir, 0, cache.TerminalOutput{})
	options.Verify = 0
	if text, err := retrieveAs(t, options, "123"); err != nil || text != "1" {
		t.Errorf("got %q, %v, want the success", text, err)
	}
}

// What the storage did not have may come later, and a result that was verified is a hit.
func TestVerifyOnce(t *testing.T) {
	blobs := new(cachetest.Memory)
	c, dir := closing(t, cache.New(verifying(blobs))), cachetest.TempDir(t)
	if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrNotFound) || errors.Is(err, cache.ErrSampled) {
		t.Fatalf("got %v, want %v", err, cache.ErrNotFound)
	}
	storeAs(t, as(blobs, trust.Trusted), "123", "1")
	if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrSampled) {
		t.Fatalf("got %v, want %v", err, cache.ErrSampled)
	}
	outputs(t, dir, "123", map[string]string{"a": "1"})
	if stored, _, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{}); err != nil || stored.Outcome != cache.OutcomeExists {
		t.Fatalf("got %+v, %v", stored, err)
	}
	if err := os.RemoveAll(dir + "/123"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Retrieve(t.Context(), "123", dir); err != nil {
		t.Errorf("got %v, want a hit", err)
	}
}

// A large result, which is not in memory, is compared, too.
func TestVerifyLargeResult(t *testing.T) {
	blobs := new(cachetest.Memory)
	noise := cachetest.Noise(1, 3<<20)
	storeAs(t, as(blobs, trust.Trusted), "123", noise)
	for made, want := range map[string]cache.Outcome{noise: cache.OutcomeExists, noise[1:]: cache.OutcomeDiffers} {
		c, dir := closing(t, cache.New(verifying(blobs))), cachetest.TempDir(t)
		if _, err := c.Retrieve(t.Context(), "123", dir); !errors.Is(err, cache.ErrSampled) {
			t.Fatalf("got %v, want %v", err, cache.ErrSampled)
		}
		outputs(t, dir, "123", map[string]string{"a": made})
		if stored, _, err := cachetest.Store(t.Context(), c, "123", dir, 0, cache.TerminalOutput{}); err != nil || stored.Outcome != want {
			t.Errorf("got %+v, %v; want %q", stored, err, want)
		}
	}
}
