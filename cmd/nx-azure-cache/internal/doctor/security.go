package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// securityChecks are all checks of the part security, in the order of the report.
var securityChecks = []func(context.Context, *probe, *report.Report){
	checkIdentity,
	checkIsolation,
	checkRepositories,
	checkReads,
	checkWrites,
	checkSignatures,
	checkSigningKey,
}

// ExamineSecurity runs only the part security: who can write what.
func ExamineSecurity(ctx context.Context, where config.Workspace) (report.Report, error) {
	p, err := openProbe(where)
	if err != nil {
		return report.Report{}, err
	}
	r := report.Report{Run: p.run(), Identity: &p.identity, Containers: p.containersUsed(), Canary: p.canary}
	p.examineInto(ctx, &r)
	r.Leftovers = p.leftovers()
	r.Conclude(where.Document.CI)
	return r, nil
}

func (p *probe) examineInto(ctx context.Context, r *report.Report) {
	before := len(r.Checks)
	for _, look := range securityChecks {
		look(ctx, p, r)
	}
	for i := range r.Checks[before:] {
		r.Checks[before+i].Part = report.Security
	}
}

func checkIdentity(_ context.Context, p *probe, r *report.Report) {
	c := report.Check{ID: "identity", Check: "the credential", Status: report.Allowed}
	switch p.identity.Kind {
	case identityKey:
		c.Seen = "an account key allows everything in every container; role conditions do not limit it"
		c.Fix = withoutKey
		if !p.isTrusted() {
			c.Status = report.Exposed
		}
	case identitySAS:
		c.Seen = "the permissions of a SAS cover every blob in its container; role conditions do not limit it"
	default:
		c.Seen = "its roles and their conditions decide what it may do"
	}
	r.Checks = append(r.Checks, c)
}

func checkIsolation(_ context.Context, p *probe, r *report.Report) {
	c := report.Check{ID: "isolation", Check: "scopes", Status: report.Enforced, Seen: "each kind of run writes its own scope"}
	if p.settings.Trust.Shared {
		c.Status, c.Fails = report.Exposed, true
		c.Seen = `azure.trust.isolation is "none": anyone who can write decides what all other runs restore (CVE-2025-36852)`
		c.Fix = `remove azure.trust.isolation from nx.json, or set it to "branch"; ` + aboutScopes
	}
	r.Checks = append(r.Checks, c)
}

// checkRepositories reports in which repositories runs are trusted. nx.json cannot keep a
// fork from writing, so this never fails.
func checkRepositories(_ context.Context, p *probe, r *report.Report) {
	if p.settings.Trust.Shared {
		return
	}
	c := report.Check{ID: "repositories", Check: "repositories", Status: report.Allowed}
	c.Seen = "a run of any repository that its CI does not report as a fork may be trusted"
	if names := p.settings.Trust.Repositories; names != nil {
		c.Status = report.Enforced
		c.Seen = fmt.Sprintf("only runs of these repositories are trusted: %s", printable.String(strings.Join(names, ", ")))
	}
	r.Checks = append(r.Checks, c)
}

// checkReads checks that the run may read the scopes that it reads.
func checkReads(ctx context.Context, p *probe, r *report.Report) {
	for _, a := range p.targets {
		if !slices.Contains(p.policy.Reads(), a.scope) {
			continue
		}
		c, tried := p.checkOf(a, "read"), p.read(ctx, a)
		c.Seen = tried.seen
		switch tried.verdict {
		case granted:
			c.Status = report.Allowed
		case refused:
			c.Status = report.Missing
			c.Fix = p.readFix(a)
		default:
			c.Status = report.Unknown
		}
		r.Checks = append(r.Checks, c)
	}
}

// checkWrites tries what must be forbidden.
func checkWrites(ctx context.Context, p *probe, r *report.Report) {
	for _, a := range p.targets {
		p.addAttempts(r, a, p.write(ctx, a))
	}
}

// addAttempts adds the attempts in a scope.
func (p *probe) addAttempts(r *report.Report, a target, tried attempts) {
	for _, try := range []struct {
		operation string
		attempt
	}{{opCreate, tried.create}, {opOverwrite, tried.overwrite}, {opDelete, tried.remove}} {
		c := p.checkOf(a, try.operation)
		c.Seen = try.seen
		switch try.verdict {
		case granted:
			p.weighGranted(&c, a)
		case refused:
			p.weighRefused(&c, a)
		default:
			c.Status = report.Unknown
		}
		r.Checks = append(r.Checks, c)
	}
}

// weighGranted decides what a granted operation means. Runs of trusted branches may do
// everything, because every other run trusts them.
func (p *probe) weighGranted(c *report.Check, a target) {
	if a.own || p.isTrusted() {
		c.Status = report.Allowed
		return
	}
	// Planted local entries run on developers' machines. Between other scopes an exposure
	// is no failure: many CIs can give all untrusted runs only one identity.
	c.Status, c.Fails = report.Exposed, a.scope == trust.Trusted || a.scope == trust.Local
	c.Fix = p.separationFix(a)
	if a.scope == trust.Trusted && p.settings.Trust.Verifier != nil {
		c.Seen += "; readers reject unsigned entries (azure.trust.publicKeys), so this costs hits but changes no result"
	}
}

// weighRefused decides what a refused operation means.
func (p *probe) weighRefused(c *report.Check, a target) {
	c.Status = report.Enforced
	if !a.own || p.settings.Mode != cache.ReadWrite {
		return
	}
	switch {
	case c.Operation == opCreate:
		c.Status = report.Missing
		c.Fix = p.createFix(a)
	case c.Operation == opOverwrite && p.isTrusted():
		c.Status = report.Missing
		c.Seen += "; a damaged or planted entry stays and is a miss forever"
		c.Fix = p.overwriteFix(a)
	}
}

// examineSecurity runs the part security within the whole report.
func examineSecurity(ctx context.Context, e *examination, r *report.Report) {
	switch {
	case e.skipReason != "":
		r.Skip(report.Security, e.skipReason)
	case e.isAnonymous:
		r.Skip(report.Security, anonymousWrites)
	default:
		e.probe.examineInto(ctx, r)
	}
}
