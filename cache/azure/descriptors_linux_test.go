package azure_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// The variables of the process with few descriptors.
const (
	fewStorage   = "NX_AZURE_CACHE_TEST_FEW_STORAGE"
	fewDirectory = "NX_AZURE_CACHE_TEST_FEW_DIRECTORY"
)

const (
	fewResults   = 120
	foldersOfFew = 8 // of each, with a file
)

// A process that may open few files sends fewer requests at once, and still gets all hits.
func TestFewDescriptors(t *testing.T) {
	if storage := os.Getenv(fewStorage); storage != "" {
		retrieveWithFew(t, storage, os.Getenv(fewDirectory))
		return
	}
	service, connectionString := startService(t)
	storing := runOf(t, open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString)}))
	for i := range fewResults {
		for j := range foldersOfFew {
			folder := filepath.Join(storing.directory, fmt.Sprint(i), fmt.Sprint("folder-", j))
			if err := os.MkdirAll(folder, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(folder, "file"), []byte("content"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		storing.store(t, fmt.Sprint(i), cache.OutcomeStored)
	}
	// For a while, as many connections at once as it needs.
	service.SetLatency(latencyOfFew)
	for _, limit := range []int{64, 128} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			directory := cachetest.TempDir(t)
			child := exec.CommandContext(t.Context(), "sh", "-c", fmt.Sprintf(`ulimit -n %d && exec "$0" -test.run='^TestFewDescriptors$'`, limit), os.Args[0])
			child.Env = append(os.Environ(), fewStorage+"="+connectionString, fewDirectory+"="+directory)
			if output, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v:\n%s", err, output)
			}
			left, err := filepath.Glob(filepath.Join(directory, ".nx-azure-cache", "*"))
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

// retrieveWithFew is the child process. Like a developer's machine, it reads two scopes.
func retrieveWithFew(t *testing.T, storage, directory string) {
	blobs := cache.NewBreaker(open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(storage)}))
	options := cachetest.Shared(blobs, cache.ReadWrite)
	options.Reads = append([]cache.Place{{Blobs: blobs, Scope: trust.Trusted}}, options.Reads...)
	c := cache.New(options)
	var all sync.WaitGroup
	for i := range fewResults {
		all.Go(func() {
			if _, err := c.Retrieve(t.Context(), fmt.Sprint(i), directory); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	for i := range fewResults {
		hash := fmt.Sprint(1000 + i)
		outputs := filepath.Join(directory, hash)
		if err := os.Mkdir(outputs, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(outputs, "file"), []byte(strings.Repeat("x", 1000)), 0o644); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			stored, reason, err := cachetest.Store(t.Context(), c, hash, directory, 0, cache.TerminalOutput{Text: strings.Repeat("x", 5000)})
			if err != nil || stored.Outcome != cache.OutcomeStored && stored.Outcome != cache.OutcomeExists {
				t.Errorf("got %+v %q, %v", stored, reason, err)
			}
		})
	}
	all.Wait()
	c.Close(context.Background())
}

// latencyOfFew keeps connections busy at the same time.
const latencyOfFew = 20 * time.Millisecond
