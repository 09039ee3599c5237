// Package trust decides which scope a run belongs to, and whether an entry can be trusted.
//
// [Detect] derives the [Scope] of a run, the part of the cache that it writes, from the
// environment variables of the CI. A run reads the scope [Trusted] and its own, so that no
// other run reads what a pull request has stored (CVE-2025-36852, "CREEP").
//
// Any code in a CI run can change its environment variables. If that matters, the storage
// rejects writes (docs/security.md), or readers require a signature: the [Signer] of a
// trusted run signs a [Statement] about each entry, and a [Verifier] rejects all other
// entries.
//
// The package knows CI systems, scopes, keys and statements. It must not know the storage,
// nor what an entry contains.
package trust
