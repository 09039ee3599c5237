package entries

import (
	"fmt"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// openMany returns an inventory of n entries. Every one in named has a statement, which the
// race detector makes slow to read.
func openMany(t *testing.T, n, named int) *Inventory {
	t.Helper()
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	claim := trust.Statement{Scope: "trusted", Provenance: testenv.FromMain}.Encode()
	for i := range n {
		metadata := map[string][]string{"Format": {"1"}}
		if i%named == 0 {
			metadata["Statement"] = []string{claim}
		}
		blob := azuretest.Blob{Metadata: metadata, Modified: time.Unix(int64(1_700_000_000+i*7919%n), 0)}
		if err := service.Put("results", fmt.Sprintf("team/v1/trusted/%d", i), blob); err != nil {
			t.Fatal(err)
		}
	}
	settings, _, err := config.ReadSettings([]byte(`{"container": "results", "prefix": "team"}`), false,
		testenv.Env{config.ConnectionVariable: service.ConnectionString(server.URL)}.Get)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Open(settings, permissions.List)
	if err != nil {
		t.Fatal(err)
	}
	return inv
}

// A sorted list with a limit keeps no more entries than that. Without, it keeps them all, and
// the help of ls says how many bytes that takes.
func TestSortOfManyEntries(t *testing.T) {
	cachetest.SkipWithRace(t)
	const entries = 20_000
	inv := openMany(t, entries, 10)
	for _, limit := range []int{10, 0} {
		lines := newSorter(newPrinter(io.Discard, terminal.NewLiveLine(io.Discard), false), sortTime, limit)
		before := inUse()
		if err := inv.list(t.Context(), Selection{}, ListOptions{Sort: sortTime, Limit: limit}, newProgress(io.Discard), lines); err != nil {
			t.Fatal(err)
		}
		most := uint64(1 << 20)
		if limit == 0 {
			most += entries * 400
		}
		after := inUse()
		if after > before+most {
			t.Errorf("limit %d: %d KiB are in use, want no more than %d KiB", limit, (after-before)>>10, most>>10)
		}
		kept := lines.lines.sorted()
		if want := max(limit, entries*(1-min(limit, 1))); len(kept) != want || kept[0].number != -(1_700_000_000+entries-1) || kept[9].number != -(1_700_000_000+entries-10) {
			t.Errorf("limit %d: got %d lines, from %d to %d", limit, len(kept), kept[0].number, kept[9].number)
		}
	}
}

// A long list is read page by page, and no page is kept in memory.
func TestLsOfManyEntries(t *testing.T) {
	cachetest.SkipWithRace(t)
	const entries = 40_000
	inv := openMany(t, entries, 1000)
	before, most := inUse(), uint64(0)
	seen := make([]bool, entries)
	n := 0
	for e, err := range inv.walk(t.Context(), nil, nil, func(azure.Properties, bool) { t.Error("got a blob that is not an entry") }) {
		if err != nil {
			t.Fatal(err)
		}
		var i int
		if _, err := fmt.Sscan(e.Hash, &i); err != nil || seen[i] {
			t.Fatalf("got %q (%v) twice", e.Hash, err)
		}
		seen[i] = true
		if n++; n%10_000 == 0 {
			most = max(most, inUse())
		}
	}
	if n != entries {
		t.Errorf("got %d entries, want %d", n, entries)
	}
	// All pages would need 22 MiB, one page 4 MiB.
	if most > before+8<<20 {
		t.Errorf("%d MiB were in use, %d before: want no more than some pages", most>>20, before>>20)
	}
}

// inUse returns how many bytes are in use after a garbage collection.
func inUse() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}
