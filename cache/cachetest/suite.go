package cachetest

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// prompt is far longer than any implementation needs to notice that its context has ended,
// and far shorter than its retries.
const prompt = 5 * time.Second

// TestBlobs is the suite that each implementation of [cache.Blobs] must pass. It calls open
// for each subtest. open may return the same Blobs each time, and they may hold other
// blobs, because the suite uses unique names.
func TestBlobs(t *testing.T, open func(*testing.T) cache.Blobs) {
	for _, test := range []struct {
		name string
		run  func(*testing.T, cache.Blobs)
	}{
		{"a missing blob", missing},
		{"whether a blob exists", existence},
		{"bodies of all sizes", sizes},
		{"metadata", metadata},
		{"a name that is taken", taken},
		{"concurrent puts of one name", concurrentPuts},
		{"a blob that is replaced", replaced},
		{"a blob that is replaced by its own content", replacedByItself},
		{"a blob that has changed", replacedTooLate},
		{"a blob to replace that is missing", replacedMissing},
		{"concurrent replacements of one blob", concurrentReplaces},
		{"concurrent gets of one name", concurrentGets},
		{"concurrent work on many names", manyNames},
		{"a body that was read before", readBefore},
		{"a body that can be closed", closable},
		{"a body that fails", failingBody},
		{"names of segments", segments},
		{"a context that has ended", ended},
		{"a context that ends while a body is read", endsMidway},
		{"a body that is closed early", closedEarly},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

// fresh returns a name that no blob has.
func fresh() string { return "suite-" + strings.ToLower(rand.Text()) }

func random(size int) []byte {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return b
}

func put(t *testing.T, blobs cache.Blobs, name string, content []byte, m cache.Metadata) {
	t.Helper()
	if err := blobs.Put(t.Context(), name, bytes.NewReader(content), m); err != nil {
		t.Fatalf("put %s: %v", name, err)
	}
}

// read returns the whole content of a blob.
func read(ctx context.Context, blobs cache.Blobs, name string) ([]byte, *cache.Blob, error) {
	blob, err := blobs.Get(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(blob.Body)
	return content, blob, errors.Join(err, blob.Body.Close())
}

func check(t *testing.T, blobs cache.Blobs, name string, want []byte) {
	t.Helper()
	got, blob, err := read(t.Context(), blobs, name)
	if err != nil {
		t.Errorf("get %s: %v", name, err)
		return
	}
	if !bytes.Equal(got, want) {
		t.Errorf("get %s: got %d bytes, want the %d that were put", name, len(got), len(want))
	}
	if blob.Size != int64(len(want)) {
		t.Errorf("get %s: got size %d, want %d", name, blob.Size, len(want))
	}
}

func checkMissing(t *testing.T, blobs cache.Blobs, name string) {
	t.Helper()
	if blob, err := blobs.Get(t.Context(), name); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("get %s: got %v, %v; want %v", name, blob, err, cache.ErrNotFound)
	}
}

func missing(t *testing.T, blobs cache.Blobs) {
	checkMissing(t, blobs, fresh())
}

func existence(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	for _, want := range []bool{false, true} {
		if exists, err := blobs.Exists(t.Context(), name); exists != want || err != nil {
			t.Errorf("exists %s: got %v, %v; want %v", name, exists, err, want)
		}
		if !want {
			put(t, blobs, name, []byte("x"), nil)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := blobs.Exists(ctx, name); !errors.Is(err, context.Canceled) {
		t.Errorf("exists %s: got %v after the end of the context, want %v", name, err, context.Canceled)
	}
}

func sizes(t *testing.T, blobs cache.Blobs) {
	for _, size := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 5 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			name, content := fresh(), random(size)
			put(t, blobs, name, content, nil)
			check(t, blobs, name, content)
		})
	}
}

func metadata(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	want := cache.Metadata{"format": "1", "sha256": "0aF9", "note": `printable: "a=b; c/d" ~`}
	put(t, blobs, name, []byte("x"), want)
	_, blob, err := read(t.Context(), blobs, name)
	if err != nil {
		t.Fatal(err)
	}
	if !maps.Equal(blob.Metadata, want) {
		t.Errorf("got %v, want %v", blob.Metadata, want)
	}
}

func taken(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	put(t, blobs, name, []byte("first"), cache.Metadata{"writer": "first"})
	err := blobs.Put(t.Context(), name, strings.NewReader("the second"), cache.Metadata{"writer": "second"})
	if !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v", err, cache.ErrExists)
	}
	check(t, blobs, name, []byte("first"))
	if _, blob, err := read(t.Context(), blobs, name); err != nil || blob.Metadata["writer"] != "first" {
		t.Errorf("got metadata %v, %v; want that of the first", blob, err)
	}
}

func concurrentPuts(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	checkOneWins(t, blobs, name, func(content []byte) error {
		return blobs.Put(t.Context(), name, bytes.NewReader(content), nil)
	})
}

// checkOneWins writes many contents at once. One becomes the blob's content, and the others
// are rejected.
func checkOneWins(t *testing.T, blobs cache.Blobs, name string, write func(content []byte) error) {
	t.Helper()
	const writers = 8
	contents := make([][]byte, writers)
	errs := make([]error, writers)
	var wg sync.WaitGroup
	for i := range writers {
		contents[i] = random(10_000 + i)
		wg.Go(func() { errs[i] = write(contents[i]) })
	}
	wg.Wait()

	var winners []int
	for i, err := range errs {
		if err == nil {
			winners = append(winners, i)
		} else if !errors.Is(err, cache.ErrExists) {
			t.Errorf("got %v, want nil or %v", err, cache.ErrExists)
		}
	}
	if len(winners) != 1 {
		t.Fatalf("got %d winners, want 1", len(winners))
	}
	check(t, blobs, name, contents[winners[0]])
}

func concurrentGets(t *testing.T, blobs cache.Blobs) {
	name, content := fresh(), random(100_000)
	put(t, blobs, name, content, nil)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { check(t, blobs, name, content) })
	}
	wg.Wait()
}

func manyNames(t *testing.T, blobs cache.Blobs) {
	prefix := fresh()
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			name, content := fmt.Sprintf("%s/%d", prefix, i), random(i*100)
			if err := blobs.Put(t.Context(), name, bytes.NewReader(content), nil); err != nil {
				t.Errorf("put %s: %v", name, err)
				return
			}
			check(t, blobs, name, content)
			checkMissing(t, blobs, name+"-missing")
		})
	}
	wg.Wait()
}
