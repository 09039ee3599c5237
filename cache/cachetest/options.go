package cachetest

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// Shared are the options of a cache with one place, the scope [trust.Shared] of
// blobs, which all read and write. Results of all exit codes are stored.
func Shared(blobs cache.Blobs, mode cache.Mode) cache.Options {
	place := cache.Place{Blobs: blobs, Scope: trust.Shared}
	return cache.Options{Mode: mode, Reads: []cache.Place{place}, Writes: place, CacheFailures: true}
}
