package cachetest

import (
	"context"
	"path/filepath"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/snapshot"
)

// Result returns a result with a snapshot of its current files.
func Result(hash, cacheDirectory string, code int, output cache.TerminalOutput, outputs ...string) cache.Result {
	return cache.Result{
		Hash: hash, CacheDirectory: cacheDirectory, Code: code, TerminalOutput: output,
		Outputs: outputs, Snapshot: snapshot.Take(filepath.Join(cacheDirectory, hash)),
	}
}

// Store stores a result and waits for the upload. reason says why a result was not
// accepted.
func Store(ctx context.Context, c *cache.Cache, hash, cacheDirectory string, code int, output cache.TerminalOutput) (stored cache.Stored, reason string, err error) {
	done := make(chan cache.Stored, 1)
	reason, err = c.Store(ctx, Result(hash, cacheDirectory, code, output), func(s cache.Stored) { done <- s })
	if reason == "" && err == nil {
		stored = <-done
	}
	return stored, reason, err
}
