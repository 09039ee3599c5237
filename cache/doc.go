// Package cache defines what storing and retrieving the result of an Nx task means.
//
// [Cache] keeps each result as one blob in [Blobs]: an archive (package archive). The
// blob's metadata hold the length and the SHA-256 of the archive, so a reader knows both
// before it reads the body. A result is unpacked to a scratch folder, verified, and only
// then renamed to <cacheDirectory>/<hash>, where Nx looks for it. If the file system
// refuses the rename, the cache removes what exists at that path, or copies the result.
//
// The package knows scopes, entries, limits and the order of the steps. It must know
// neither Azure, nor the wire, nor where its options come from.
//
// # The blob
//
// The result of a task is the blob
//
//	<prefix>/v1/<scope>/<hash>
//
// where prefix comes from the configuration (without one, the name begins with v1), scope
// says who wrote the entry (package trust), and hash is Nx's task hash. The body is an
// archive as package archive specifies it. The same request writes the metadata:
//
//	format     version of the archive's format: 1
//	length     bytes of the body, decimal
//	sha256     of the body, 64 hexadecimal digits in lower case
//	statement  base64 of a trust.Statement in JSON: the fields above, the exit code,
//	           and the provenance of the entry, with the name of the task. It is a
//	           claim, not a proof
//	dsse       instead of statement: the same statement in a signed envelope, as
//	           compact JSON
//	took       optional: for how many milliseconds the task ran, decimal, at most
//	           7 days. A reader ignores any other value. It is a claim, too: no
//	           signature covers it, and nothing but figures for people depends on it
//
// Azure may change the letter case of metadata names. A reader uses a blob only if it
// knows the format, and if length and sha256 are right. The archive repeats the hash. If
// the configuration requires signatures, a reader uses an entry of the scope trusted only
// if an accepted key has signed its envelope, and the signed statement matches the name,
// the metadata, the body and the exit code.
//
// A run looks for a result in one or two scopes at once; the first of them wins
// ([Options]). An entry that must not be used is a miss. A run that writes the entry's
// scope replaces it, if its identity may replace blobs.
//
// # Only unchanged results are stored
//
// A second run of Nx in a workspace removes the folder of a result and creates it again,
// and its tasks delete outputs of the first run. So a result is stored only if
//
//   - its folder, before and after packing, is the one of the [snapshot.Snapshot] that
//     was taken when Nx called: change time and inode are the same, and nothing in the
//     folder has changed since then, apart from a few milliseconds after the call;
//   - it has every output that the task declares without a pattern and that exists;
//   - no other run in this cache directory was making the same result at that time, or
//     has begun to make it since and not finished (scratch/pending.go says how runs see
//     each other, and what they do not see).
//
// Results of failed tasks are neither stored nor used unless [Options] allow it, and a
// success replaces them.
//
// # Data flow
//
//	retrieve  Blobs.Get of each scope → signature right? → count and hash → unzstd →
//	          untar to a scratch folder → length and SHA-256 right? →
//	          rename to <cacheDirectory>/<hash>
//	store     <cacheDirectory>/<hash> → tar → zstd → spool (memory, then a file),
//	          counted and hashed → Blobs.Put, one request
package cache
