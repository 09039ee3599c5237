// Package trust decides who a run is, and whether an entry is to be believed.
//
// [Detect] finds the [Scope] of a run: the part of the cache that it writes, told
// from what its CI says. A run reads the scope [Trusted] and its own, so that
// what a pull request stores reaches nobody but that pull request
// (CVE-2025-36852, "CREEP").
//
// What a CI says is the word of a process that anybody who runs code in it can
// change. Where that matters the storage refuses writes (docs/security.md), or
// readers ask for a signature: a [Signer] of a trusted run signs a [Statement]
// about each entry, and a [Verifier] believes nothing else.
package trust
