package cachetest_test

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

func TestMemory(t *testing.T) {
	cachetest.TestBlobs(t, func(*testing.T) cache.Blobs { return new(cachetest.Memory) })
}

func TestMemoryCountsCalls(t *testing.T) {
	m := new(cachetest.Memory)
	for range 2 {
		_ = m.Put(t.Context(), "a", strings.NewReader("x"), nil) // the second one is rejected, but counted
	}
	if _, err := m.Get(t.Context(), "missing"); err == nil {
		t.Error("got no error for a missing blob")
	}
	if got := [2]int{m.Gets(), m.Puts()}; got != [2]int{1, 2} {
		t.Errorf("got %v gets and puts, want [1 2]", got)
	}
}

func TestMemoryAlterLeavesOpenBodies(t *testing.T) {
	m := new(cachetest.Memory)
	if err := m.Put(t.Context(), "a", strings.NewReader("before"), nil); err != nil {
		t.Fatal(err)
	}
	open, err := m.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	m.Alter("a", func(b *cachetest.Blob) { copy(b.Content, "after!") })

	got := make([]byte, open.Size)
	if _, err := open.Body.Read(got); err != nil || string(got) != "before" {
		t.Errorf("the open body has %q, %v; want %q", got, err, "before")
	}
	if b, ok := m.Blob("a"); !ok || string(b.Content) != "after!" {
		t.Errorf("got %q, %v; want %q", b.Content, ok, "after!")
	}
}
