package config

import (
	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
)

// RunPolicy is what a run is and what it may do.
type RunPolicy struct {
	trust.Run
	Mode     cache.Mode
	Signer   *trust.Signer // nil: the run signs nothing
	Warnings []diagnostic.Message
	Blamed   []claims.Claim // the claims that would change the scope
}

// RunPolicy finds out what the run is. What it may do is at most what the mode allows.
func (s Settings) RunPolicy(ci bool, base DefaultBase, getenv func(string) string) RunPolicy {
	r := RunPolicy{Mode: s.Mode}
	branches := s.branches(base.own())
	r.Run, r.Blamed = s.Claims.Detect(ci, branches, getenv)
	if base.isExtended && trust.Detect(ci, s.branches(base.name), getenv).Scope != trust.Detect(ci, branches, getenv).Scope {
		r.warn(diagnostic.ExtendedIgnored, "%s", base.ignored())
	}
	if s.Trust.Shared {
		r.Scope, r.Reason, r.Fix, r.Blamed = trust.Shared, "azure.trust.isolation is "+isolateNothing, "", nil
		r.warn(diagnostic.NotIsolated, `azure.trust.isolation in nx.json is "%s": anyone who can write to the cache, pull requests included, decides what all other runs restore (CVE-2025-36852)`, isolateNothing)
	}
	if r.Scope != trust.Trusted {
		r.checkNoKey(getenv)
	}
	if s.Mode != cache.ReadWrite {
		if len(r.Blamed) > 0 {
			r.warn(r.Code, "the remote cache reads only trusted results in this run: %s", r.Fix)
		}
		return r
	}
	if !r.Writes() {
		r.Mode = cache.ReadOnly
	}
	if r.Fix != "" {
		r.warn(r.Code, "the remote cache stores nothing in this run: %s", r.Fix)
	}
	if r.Scope == trust.Trusted {
		r.chooseKey(s.Trust, getenv)
	}
	return r
}

// branches returns the trusted branches.
func (s Settings) branches(defaultBase string) trust.Branches {
	branches := trust.DefaultBranches(defaultBase)
	if s.Trust.branches != nil {
		branches = trust.ListedBranches(s.Trust.branches...)
	}
	if s.Trust.Repositories != nil {
		branches = branches.OfRepositories(s.Trust.Repositories...)
	}
	return branches
}

func (r *RunPolicy) warn(code diagnostic.Code, format string, args ...any) {
	r.Warnings = append(r.Warnings, diagnostic.Messagef(code, format, args...))
}

// checkNoKey warns if an untrusted run has the signing key.
func (r *RunPolicy) checkNoKey(getenv func(string) string) {
	if _, isSet, _ := trust.SigningKey(getenv); isSet && r.Scope != trust.Shared {
		r.warn(diagnostic.SigningKeyExposed, "%s is set in an untrusted run (%s), so any code in it can sign for %s; give the key only to jobs of trusted branches",
			trust.SigningKeyVariable, r.Reason, trust.Trusted)
	}
}

// chooseKey decides whether a trusted run signs. The run stores nothing that readers would
// reject.
func (r *RunPolicy) chooseKey(t TrustSettings, getenv func(string) string) {
	key, isSet, err := trust.SigningKey(getenv)
	switch {
	case err != nil:
		r.Mode = cache.ReadOnly
		r.warn(diagnostic.SigningKeyUnusable, "the remote cache stores nothing in this run: %v", err)
	case !isSet && t.Verifier != nil:
		r.Mode = cache.ReadOnly
		r.warn(diagnostic.SigningKeyUnusable, "the remote cache stores nothing in this run: azure.trust.publicKeys requires signatures, but %s is not set", trust.SigningKeyVariable)
	case isSet && t.Verifier != nil && !t.Verifier.Trusts(key.Public()):
		r.Mode = cache.ReadOnly
		r.warn(diagnostic.SigningKeyUnusable, "the remote cache stores nothing in this run: the key %s in %s is not in azure.trust.publicKeys, or is revoked", key.Public().ID(), trust.SigningKeyVariable)
	case isSet:
		r.Signer = trust.NewSigner(key)
	}
}
