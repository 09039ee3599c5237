package main

import (
	"sync"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// A run that verifies all hits keeps what their entries hold, but not their content.
func TestMemoryOfVerify(t *testing.T) {
	cachetest.SkipWithRace(t)
	service := azuretest.New(azuretest.Options{Containers: []string{"artifacts"}})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	executable := buildCommand(t)
	start := func(block string) (*process, *session) {
		p := startProgram(t, executable, testenv.With(testenv.MainRun, testenv.Env{
			license.Variable:          testenv.License(t, "valid.jwt"),
			config.ConnectionVariable: service.ConnectionString(server.URL),
		}), "serve")
		s := p.session()
		params := initializeParams(t.TempDir(), block)
		params.CI = true
		if err := s.Call(t.Context(), "initialize", params, nil); err != nil {
			t.Fatal(err)
		}
		return p, s
	}
	dir, large := cachetest.TempDir(t), largeResults()
	for hash, content := range large {
		writeResult(t, dir, hash, content)
	}
	_, first := start(`{"container": "artifacts"}`)
	for hash := range large {
		first.storeOne(dir, hash)
	}
	first.awaitStored(len(large))

	p, second := start(`{"container": "artifacts", "verify": "100%"}`)
	var wg sync.WaitGroup
	for hash := range large {
		wg.Go(func() {
			var hit *rpc.RetrieveResult
			params := rpc.RetrieveParams{Hash: hash, CacheDirectory: dir}
			if err := second.Call(t.Context(), "retrieve", params, &hit); err != nil || hit != nil {
				t.Errorf("retrieve %s: got %+v, %v; want a miss", hash, hit, err)
			}
			second.storeOne(dir, hash)
		})
	}
	wg.Wait()
	for range large {
		if got := <-second.stored; got.Outcome != cache.OutcomeExists {
			t.Errorf("got %+v, want %q", got, cache.OutcomeExists)
		}
	}
	if got := peakMemory(t, p.Process.Pid); got > maxMemory {
		t.Errorf("got a peak of %d MiB, want at most %d", got>>10, maxMemory>>10)
	} else {
		t.Logf("at its peak: %d MiB", got>>10)
	}
}
