package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// securityChecks are all that is looked at, in the order in which it is shown.
var securityChecks = []func(context.Context, *subject, *report){
	checkIdentity,
	checkIsolation,
	checkRepositories,
	checkReads,
	checkWrites,
	checkSignatures,
	checkSigningKey,
}

// examineSecurityOf looks only at who may write what.
func examineSecurityOf(ctx context.Context, where config.Workspace) (report, error) {
	s, err := openSubject(where)
	if err != nil {
		return report{}, err
	}
	r := report{Run: s.runReport(), Identity: &s.identity, Containers: s.containerReports(), Canary: s.canary}
	s.examineInto(ctx, &r)
	r.Leftovers = s.leftovers()
	r.conclude()
	return r, nil
}

func (s *subject) examineInto(ctx context.Context, r *report) {
	before := len(r.Checks)
	for _, look := range securityChecks {
		look(ctx, s, r)
	}
	for i := range r.Checks[before:] {
		r.Checks[before+i].Part = partSecurity
	}
}

func checkIdentity(_ context.Context, s *subject, r *report) {
	c := check{ID: "identity", Check: "the credential", Status: allowed}
	switch s.identity.Kind {
	case identityKey:
		c.Seen = "an account key may do everything in every container; conditions of roles do not bind it"
		c.Fix = withoutKey
		if !s.isTrusted() {
			c.Status = exposed
		}
	case identitySAS:
		c.Seen = "what a SAS may do it may do to every name in its container; conditions of roles do not bind it"
	default:
		c.Seen = "its roles and their conditions decide what it may do"
	}
	r.Checks = append(r.Checks, c)
}

func checkIsolation(_ context.Context, s *subject, r *report) {
	c := check{ID: "isolation", Check: "scopes", Status: enforced, Seen: "each kind of run writes a scope of its own"}
	if s.settings.Trust.Shared {
		c.Status, c.Fails = exposed, true
		c.Seen = `azure.trust.isolation is "none": whoever may write decides what all others restore (CVE-2025-36852)`
		c.Fix = `remove azure.trust.isolation from nx.json, or set it to "branch"; ` + section("Scopes")
	}
	r.Checks = append(r.Checks, c)
}

// checkRepositories shows in which repositories runs count as trusted. nx.json cannot keep
// a fork from writing, so this is never a failure.
func checkRepositories(_ context.Context, s *subject, r *report) {
	if s.settings.Trust.Shared {
		return
	}
	c := check{ID: "repositories", Check: "repositories", Status: allowed}
	c.Seen = "runs of any repository that its CI does not report to be a fork may count as trusted"
	if names := s.settings.Trust.Repositories; names != nil {
		c.Status = enforced
		c.Seen = fmt.Sprintf("only runs of these repositories count as trusted: %s", printable.String(strings.Join(names, ", ")))
	}
	r.Checks = append(r.Checks, c)
}

// checkReads looks whether the run may read what it reads.
func checkReads(ctx context.Context, s *subject, r *report) {
	for _, a := range s.areas {
		if !slices.Contains(s.role.Reads(), a.scope) {
			continue
		}
		c, tried := s.checkOf(a, "read"), s.read(ctx, a)
		c.Seen = tried.seen
		switch tried.verdict {
		case granted:
			c.Status = allowed
		case refused:
			c.Status = missing
			c.Fix = readFix
		default:
			c.Status = unknown
		}
		r.Checks = append(r.Checks, c)
	}
}

// checkWrites tries what must be forbidden.
func checkWrites(ctx context.Context, s *subject, r *report) {
	for _, a := range s.areas {
		s.report(r, a, s.write(ctx, a))
	}
}

// report adds what was tried in a scope.
func (s *subject) report(r *report, a area, tried attempts) {
	for _, it := range []struct {
		operation string
		attempt
	}{{create, tried.create}, {overwrite, tried.overwrite}, {remove, tried.remove}} {
		c := s.checkOf(a, it.operation)
		c.Seen = it.seen
		switch it.verdict {
		case granted:
			s.weighGranted(&c, a)
		case refused:
			s.weighRefused(&c, a)
		default:
			c.Status = unknown
		}
		r.Checks = append(r.Checks, c)
	}
}

// weighGranted decides what it means that the run can do something. Runs of trusted
// branches may do everything: nobody trusts others more than them.
func (s *subject) weighGranted(c *check, a area) {
	if a.own || s.isTrusted() {
		c.Status = allowed
		return
	}
	// What is planted in local runs on developers' machines. Between the others an
	// exposure is no failure: one identity for all runs that are not trusted is what
	// a CI can give.
	c.Status, c.Fails = exposed, a.scope == trust.Trusted || a.scope == trust.Local
	c.Fix = s.separate(a)
	if a.scope == trust.Trusted && s.settings.Trust.Verifier != nil {
		c.Seen += "; readers refuse what is not signed (azure.trust.publicKeys), so that this costs hits, and changes no result"
	}
}

// weighRefused decides what it means that the storage has refused something.
func (s *subject) weighRefused(c *check, a area) {
	c.Status = enforced
	if !a.own || s.settings.Mode != cache.ReadWrite {
		return
	}
	switch {
	case c.Operation == create:
		c.Status = missing
		c.Fix = s.createFix(a)
	case c.Operation == overwrite && s.isTrusted():
		c.Status = missing
		c.Seen += "; an entry that is damaged or was planted stays, and is a miss for ever"
		c.Fix = s.overwriteFix(a)
	}
}

// examineSecurity tries what must be forbidden, as --security does.
func examineSecurity(ctx context.Context, p *patient, r *report) {
	switch {
	case p.pointless != "":
		r.skip(partSecurity, p.pointless)
	case p.isNobody:
		r.skip(partSecurity, nobodyWrites)
	default:
		p.subject.examineInto(ctx, r)
	}
}
