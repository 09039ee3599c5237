// Package cache is what storing and retrieving the result of an Nx task means.
//
// [Cache] keeps one result as one blob in [Blobs]: an archive (package archive)
// with its length and SHA-256 in the blob's metadata, so that a reader knows
// them before the body. A result is restored beside its place, verified, and
// only then renamed to <cacheDirectory>/<hash>, where Nx looks for it.
//
// # Data flow
//
//	retrieve  Blobs.Get → count and hash → unzstd → untar into an aside folder
//	          → length and SHA-256 right? → rename to <cacheDirectory>/<hash>
//	store     <cacheDirectory>/<hash> → tar → zstd → spool (memory, then a file),
//	          counted and hashed → Blobs.Put, one request
package cache
