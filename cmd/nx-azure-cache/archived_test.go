package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// ls and inspect show that a lifecycle rule has archived an entry, and evict deletes it.
func TestArchivedEntries(t *testing.T) {
	s := newTestInventory(t)
	s.fill()
	before := s.left()
	archived := []string{"team/v1/pr-12/1", "team/v1/trusted/2"}
	for _, name := range archived {
		s.service.Archive(inventoryContainer, name)
	}
	stdout, _, err := s.run("ls")
	if got := strings.Count(stdout, "(archived)"); err != nil || got != len(archived) {
		t.Errorf("got %v and %d archived entries in\n%s", err, got, stdout)
	}
	stdout, _, err = s.run("ls", "--archived", "--json")
	if got := strings.Count(stdout, `"archived":true`); err != nil || got != len(archived) || strings.Count(stdout, "\n") != got {
		t.Errorf("got %v and %d archived entries in\n%s", err, got, stdout)
	}
	stdout, _, err = s.run("inspect", "2", "--verify")
	if err == nil || !strings.Contains(stdout, "Archive: it cannot be read") || !strings.Contains(stdout, "409 BlobArchived") {
		t.Errorf("got %v and\n%s\nwant the tier, and why the body is not read", err, stdout)
	}
	_, stderr, err := s.run("evict", "--archived", "--yes")
	if err != nil || !strings.Contains(stderr, fmt.Sprintf("deleted %d of ", len(archived))) {
		t.Errorf("got %q, %v", stderr, err)
	}
	want := slices.DeleteFunc(before, func(name string) bool { return slices.Contains(archived, name) })
	if got := s.left(); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
