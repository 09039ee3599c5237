package main

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// role is what a run is, and may do.
type role struct {
	trust.Run
	mode     cache.Mode
	signer   *trust.Signer // nil: nothing is signed
	warnings []string
	blamed   []claim // that would make it another run
}

// role finds out who the run is. What it may do is at most what the mode allows.
func (s settings) role(ci bool, base defaultBase, getenv func(string) string) role {
	r := role{mode: s.mode}
	branches := s.branches(base.own())
	r.Run, r.blamed = s.claims.detect(ci, branches, getenv)
	if base.isExtended && trust.Detect(ci, s.branches(base.name), getenv).Scope != trust.Detect(ci, branches, getenv).Scope {
		r.warn("%s", base.ignored())
	}
	if s.trust.shared {
		r.Scope, r.Reason, r.Advice, r.blamed = trust.Shared, "azure.trust.isolation is "+isolateNothing, "", nil
		r.warn(`azure.trust.isolation in nx.json is "%s": whoever may write to the cache, pull requests included, decides what all others restore (CVE-2025-36852)`, isolateNothing)
	}
	if r.Scope != trust.Trusted {
		r.checkNoKey(getenv)
	}
	if s.mode != cache.ReadWrite {
		if len(r.blamed) > 0 {
			r.warn("the remote cache reads trusted results only in this run: %s (docs/security.md)", r.Advice)
		}
		return r
	}
	if !r.Writes() {
		r.mode = cache.ReadOnly
	}
	if r.Advice != "" {
		r.warn("the remote cache stores nothing in this run: %s (docs/security.md)", r.Advice)
	}
	if r.Scope == trust.Trusted {
		r.chooseKey(s.trust, getenv)
	}
	return r
}

// branches are those that are trusted.
func (s settings) branches(defaultBase string) trust.Branches {
	branches := trust.DefaultBranches(defaultBase)
	if s.trust.branches != nil {
		branches = trust.ListedBranches(s.trust.branches...)
	}
	if s.trust.repositories != nil {
		branches = branches.OfRepositories(s.trust.repositories...)
	}
	return branches
}

func (r *role) warn(format string, args ...any) {
	r.warnings = append(r.warnings, fmt.Sprintf(format, args...))
}

// checkNoKey warns of a key where none belongs, whatever the run stores.
func (r *role) checkNoKey(getenv func(string) string) {
	if _, isSet, _ := trust.SigningKey(getenv); isSet && r.Scope != trust.Shared {
		r.warn("%s is set in a run that is not trusted (%s): whatever it runs can sign for %s; give the key to jobs of trusted branches only",
			trust.SigningKeyVariable, r.Reason, trust.Trusted)
	}
}

// chooseKey decides whether a trusted run signs. What nobody would believe it does not
// store.
func (r *role) chooseKey(t trustSettings, getenv func(string) string) {
	key, isSet, err := trust.SigningKey(getenv)
	switch {
	case err != nil:
		r.mode = cache.ReadOnly
		r.warn("the remote cache stores nothing in this run: %v", err)
	case !isSet && t.verifier != nil:
		r.mode = cache.ReadOnly
		r.warn("the remote cache stores nothing in this run: azure.trust.publicKeys asks for signatures, and %s is not set", trust.SigningKeyVariable)
	case isSet && t.verifier != nil && !t.verifier.Believes(key.Public()):
		r.mode = cache.ReadOnly
		r.warn("the remote cache stores nothing in this run: the key %s of %s is not in azure.trust.publicKeys, or is revoked", key.Public().ID(), trust.SigningKeyVariable)
	case isSet:
		r.signer = trust.NewSigner(key)
	}
}
