package entries

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
)

// MaxConcurrent is how many requests for single blobs run at a time.
const MaxConcurrent = 32

// lookUp yields the blobs of hashes in folders.
func lookUp(ctx context.Context, container *azure.Container, folders iter.Seq2[string, error], hashes []string) iter.Seq2[azure.Properties, error] {
	return func(yield func(azure.Properties, error) bool) {
		var names []string
		flush := func() bool {
			for _, found := range fetchProperties(ctx, container, names) {
				if !errors.Is(found.err, cache.ErrNotFound) && (!yield(found.Properties, found.err) || found.err != nil) {
					return false
				}
			}
			names = names[:0]
			return true
		}
		for folder, err := range folders {
			if err != nil {
				yield(azure.Properties{}, err)
				return
			}
			for _, hash := range hashes {
				if names = append(names, folder+hash); len(names) == MaxConcurrent && !flush() {
					return
				}
			}
		}
		flush()
	}
}

type lookupResult struct {
	azure.Properties
	err error
}

// fetchProperties fetches the properties of blobs concurrently.
func fetchProperties(ctx context.Context, container *azure.Container, names []string) []lookupResult {
	all := make([]lookupResult, len(names))
	var wg sync.WaitGroup
	for i, name := range names {
		wg.Go(func() { all[i].Properties, all[i].err = container.Properties(ctx, name) })
	}
	wg.Wait()
	return all
}
