package cachetest

import (
	"context"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// Store stores a result and returns what became of it, or why it was not
// accepted.
func Store(ctx context.Context, c *cache.Cache, hash, cacheDirectory string, code int, output cache.TerminalOutput) (stored cache.Stored, reason string, err error) {
	done := make(chan cache.Stored, 1)
	reason, err = c.Store(ctx, hash, cacheDirectory, code, output, func(s cache.Stored) { done <- s })
	if reason == "" && err == nil {
		stored = <-done
	}
	return stored, reason, err
}
