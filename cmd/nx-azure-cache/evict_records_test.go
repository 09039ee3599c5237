package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// putRecord stores the record of a run that ended at a time, and returns its name.
func (s *testInventory) putRecord(scope string, ended time.Time, session string) string {
	s.t.Helper()
	record := &runs.Record{Session: session, Started: ended, Ended: ended, Scope: trust.Scope(scope), Mode: cache.ReadWrite}
	body, err := runs.Encode(record)
	if err != nil {
		s.t.Fatal(err)
	}
	name := runs.Name("team", record.Scope, ended, session)
	metadata, err := runs.Metadata(name, body, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	header := make(http.Header)
	for key, value := range metadata {
		header.Set(key, value)
	}
	s.putBlob(inventoryContainer, name, azuretest.Blob{Body: body, Metadata: header, Modified: ended})
	return name
}

func fillRecords(s *testInventory) (names []string) {
	s.fill()
	for i := range 12 {
		names = append(names, s.putRecord("pr-12", testenv.At("2024-11-01T00:00:00Z").Add(time.Duration(i)*time.Hour), fmt.Sprint("s", i)))
	}
	return append(names, s.putRecord("trusted", testenv.At("2024-11-20T00:00:00Z"), "t"))
}

// Records are no entries, and this cache has written them.
func TestLsOfRecords(t *testing.T) {
	s := newTestInventory(t)
	fillRecords(s)
	stdout, stderr, err := s.run("ls")
	if err != nil || strings.Contains(stdout, "runs/2024") || !strings.Contains(stderr, "9 of 9 entries") || !strings.HasSuffix(stderr, "; ignored 3 blobs that this cache did not write\n") {
		t.Errorf("got %v, %s\n%s", err, stdout, stderr)
	}
	if _, stderr, err = s.run("ls", "--total"); err != nil || !strings.Contains(stderr, "; and 13 run records, ") {
		t.Errorf("got %v, %s", err, stderr)
	}
	if stdout, _, err = s.run("ls", "--total", "--json", "--scope", "trusted"); err != nil || !strings.HasPrefix(stdout, `{"entries":5,"bytes":5,"records":1,"recordBytes":`) {
		t.Errorf("got %v, %s", err, stdout)
	}
	if _, stderr, err := s.run("inspect", "runs"); err == nil || !strings.Contains(err.Error(), "no entry runs") {
		t.Errorf("got %v, %s", err, stderr)
	}
}

// evict deletes either entries or records.
func TestEvictOfRecords(t *testing.T) {
	for text, test := range map[string]struct {
		gone func(name string) bool
		line string
	}{
		"--scope pr-12":                        {func(name string) bool { return name == "team/v1/pr-12/1" }, "deleted 1 of 1 entry,"},
		"--records --scope pr-12":              {func(name string) bool { return strings.HasPrefix(name, "team/v1/pr-12/runs/") }, "deleted 12 of 12 run records, "},
		"--records --scope pr-*":               {func(name string) bool { return strings.HasPrefix(name, "team/v1/pr-12/runs/") }, "deleted 12 of 12 run records, "},
		"--records --before 2024-11-01":        {func(string) bool { return false }, "deleted 0 of 13 run records, "},
		"--records --after 2024-11-02":         {func(name string) bool { return strings.HasPrefix(name, "team/v1/trusted/runs/") }, "deleted 1 of 13 run records, "},
		"--records --scope local --before 10d": {func(string) bool { return false }, "deleted 0 of 0 run records, "},
	} {
		t.Run(text, func(t *testing.T) {
			s := newTestInventory(t)
			fillRecords(s)
			want := slices.DeleteFunc(s.left(), test.gone)
			stdout, stderr, err := s.run(append([]string{"evict", "--yes"}, strings.Fields(text)...)...)
			if err != nil || stdout != "" || !strings.Contains(stderr, test.line) {
				t.Errorf("got %q, %q, %v; want %q", stdout, stderr, err, test.line)
			}
			if got := s.left(); !slices.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
	}
}

func TestEvictDryRunOfRecords(t *testing.T) {
	s := newTestInventory(t)
	fillRecords(s)
	before := s.left()
	stdout, stderr, err := s.run("evict", "--records", "--scope", "pr-*")
	lines := strings.Split(stdout, "\n")
	if err != nil || len(lines) != 13 || !strings.HasPrefix(lines[0], "SCOPE  RECORD ") || !strings.HasPrefix(lines[1], "pr-12  2024-11-01/000000-s0 ") || lines[11] != "and 2 more" {
		t.Errorf("got %v\n%s", err, stdout)
	}
	if !strings.Contains(stderr, "would delete 12 of 12 run records, ") || !strings.Contains(stderr, "; run with --yes to delete them") {
		t.Errorf("got %q", stderr)
	}
	if got := s.left(); !slices.Equal(got, before) {
		t.Errorf("got %q, want all blobs", got)
	}
}

func TestEvictOfRecordsWithOtherFilters(t *testing.T) {
	s := newTestInventory(t)
	fillRecords(s)
	for _, filter := range []string{"--hash 1", "shop:build", "--task shop:build", "--ref main", "--run 17", "--signature valid", "--archived", ""} {
		if _, _, err := s.run(append([]string{"evict", "--records", "--yes"}, strings.Fields(filter)...)...); err == nil {
			t.Errorf("%q: got no error", filter)
		}
	}
	if got := s.service.Requests(); len(got) != 0 {
		t.Errorf("got %d requests, want none", len(got))
	}
}
