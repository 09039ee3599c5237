package entries

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
)

// A long list is read page by page, and no page is kept in memory.
func TestLsOfManyEntries(t *testing.T) {
	const entries = 40_000
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	claim := trust.Statement{Scope: "trusted", Provenance: testenv.FromMain}.Encode()
	for i := range entries {
		metadata := map[string][]string{"Format": {"1"}}
		if i%1000 == 0 { // the race detector makes reading them slow
			metadata["Statement"] = []string{claim}
		}
		if err := service.Put("results", fmt.Sprintf("team/v1/trusted/%d", i), azuretest.Blob{Metadata: metadata}); err != nil {
			t.Fatal(err)
		}
	}
	settings, _, err := config.ReadSettings([]byte(`{"container": "results", "prefix": "team"}`), false,
		testenv.Env{config.ConnectionVariable: service.ConnectionString(server.URL)}.Get)
	if err != nil {
		t.Fatal(err)
	}
	inv, err := Open(settings)
	if err != nil {
		t.Fatal(err)
	}
	before, most := inUse(), uint64(0)
	seen := make([]bool, entries)
	n := 0
	for e, err := range inv.walk(t.Context(), nil, nil, func() { t.Error("got a blob that is not an entry") }) {
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
