// Package cache is what storing and retrieving the result of an Nx task means.
//
// [Cache] keeps one result as one blob in [Blobs]: an archive (package archive)
// with its length and SHA-256 in the blob's metadata, so that a reader knows
// them before the body. A result is restored beside its place, verified, and
// only then renamed to <cacheDirectory>/<hash>, where Nx looks for it. Where a file
// system refuses the rename, what is there is removed first, or the result is copied.
//
// # The blob
//
// The result of a task is the blob
//
//	<prefix>/v1/<scope>/<hash>
//
// where prefix is that of the configuration (none: the name begins with v1),
// scope says who wrote it (package trust) and hash is Nx's. Its body is an archive
// as package archive specifies it. Its metadata, written with the same request, are
//
//	format     version of the archive's format: 1
//	length     bytes of the body, decimal
//	sha256     of the body, 64 hexadecimal digits in lower case
//	statement  base64 of a trust.Statement in JSON: all this once more, the exit
//	           code, and where the entry comes from. What it says is a claim
//	dsse       instead of statement: the same in a signed envelope, as compact JSON
//
// Azure gives metadata names back in any letter case. A reader uses a blob only
// if format is known and length and sha256 are right; the archive then names
// the hash once more. Where signatures are asked for, an entry of the scope trusted
// is used only if its envelope is signed with a key that counts, and what is signed
// fits name, metadata, body and exit code.
//
// A run looks for a result in one or two scopes at once; that of the earlier one
// counts ([Options]). An entry that is not to be used is a miss, and is replaced by
// a run that writes its scope and has the right to.
//
// # What is stored is what Nx handed over
//
// A second run of Nx in a workspace removes the folder of a result and makes it again, and
// its tasks delete what the first one has built. So a result is stored only if
//
//   - its folder is, before and after packing, the one of the [snapshot.Snapshot] that was taken
//     when Nx called, by change time and inode, and nothing in it has changed since then,
//     but for some milliseconds after the call;
//   - it has every output that the task declares without a pattern and that exists;
//   - no other run in this cache directory was making the same result then, or has begun
//     and not finished it meanwhile (pending.go says how that is seen, and what is not).
//
// What a task that has failed has made is neither stored nor used unless [Options] allow
// it, and a success replaces it.
//
// # Data flow
//
//	retrieve  Blobs.Get of each scope → signature right? → count and hash → unzstd → untar to a path aside
//	          → length and SHA-256 right? → rename to <cacheDirectory>/<hash>
//	store     <cacheDirectory>/<hash> → tar → zstd → spool (memory, then a file),
//	          counted and hashed → Blobs.Put, one request
package cache
