package cachetest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// etag returns the ETag of a blob.
func etag(t *testing.T, blobs cache.Blobs, name string) string {
	t.Helper()
	_, blob, err := read(t.Context(), blobs, name)
	if err != nil {
		t.Fatalf("get %s: %v", name, err)
	}
	if blob.ETag == "" {
		t.Fatalf("get %s: got no ETag", name)
	}
	return blob.ETag
}

func replaced(t *testing.T, blobs cache.Blobs) {
	name, content := fresh(), random(1000)
	put(t, blobs, name, []byte("damaged"), cache.Metadata{"writer": "first", "gone": "1"})
	body := &closer{Reader: bytes.NewReader(content)}
	if _, err := body.Seek(10, io.SeekStart); err != nil {
		t.Fatal(err)
	}
	before := etag(t, blobs, name)
	if err := blobs.Replace(t.Context(), name, before, body, cache.Metadata{"writer": "second"}); err != nil {
		t.Fatal(err)
	}
	check(t, blobs, name, content)
	_, blob, err := read(t.Context(), blobs, name)
	if err != nil || !maps.Equal(blob.Metadata, cache.Metadata{"writer": "second"}) {
		t.Errorf("got metadata %v, %v; want that of the second", blob, err)
	}
	if after := etag(t, blobs, name); after == before {
		t.Errorf("got the ETag %s before and after", after)
	}
	if body.closed {
		t.Error("the body was closed; it is the caller's")
	}
}

func replacedByItself(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	put(t, blobs, name, []byte("x"), nil)
	before := etag(t, blobs, name)
	if err := blobs.Replace(t.Context(), name, before, strings.NewReader("x"), nil); err != nil {
		t.Fatal(err)
	}
	if err := blobs.Replace(t.Context(), name, before, strings.NewReader("y"), nil); !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v: it is another blob", err, cache.ErrExists)
	}
	check(t, blobs, name, []byte("x"))
}

func replacedTooLate(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	put(t, blobs, name, []byte("damaged"), nil)
	before := etag(t, blobs, name)
	if err := blobs.Replace(t.Context(), name, before, strings.NewReader("first"), cache.Metadata{"writer": "first"}); err != nil {
		t.Fatal(err)
	}
	for _, stale := range []string{before, `"0"`} {
		err := blobs.Replace(t.Context(), name, stale, strings.NewReader("second"), cache.Metadata{"writer": "second"})
		if !errors.Is(err, cache.ErrExists) {
			t.Errorf("got %v, want %v", err, cache.ErrExists)
		}
	}
	check(t, blobs, name, []byte("first"))
	if _, blob, err := read(t.Context(), blobs, name); err != nil || blob.Metadata["writer"] != "first" {
		t.Errorf("got metadata %v, %v; want that of the first", blob, err)
	}
}

// Another machine has removed the blob, perhaps to store it again. A writer must not
// create what it wanted to replace.
func replacedMissing(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	err := blobs.Replace(t.Context(), name, `"0"`, strings.NewReader("x"), nil)
	if !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v", err, cache.ErrExists)
	}
	checkMissing(t, blobs, name)
}

func concurrentReplaces(t *testing.T, blobs cache.Blobs) {
	name := fresh()
	put(t, blobs, name, []byte("damaged"), nil)
	before := etag(t, blobs, name)
	checkOneWins(t, blobs, name, func(content []byte) error {
		return blobs.Replace(t.Context(), name, before, bytes.NewReader(content), nil)
	})
}
