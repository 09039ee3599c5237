package cachetest

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Shared returns the options of a cache that reads and writes one place, the scope
// [trust.Shared] in blobs. It stores results of all exit codes.
func Shared(blobs cache.Blobs, mode cache.Mode) cache.Options {
	place := cache.Place{Blobs: blobs, Scope: trust.Shared}
	return cache.Options{Mode: mode, Reads: []cache.Place{place}, Writes: place, CacheFailures: true}
}
