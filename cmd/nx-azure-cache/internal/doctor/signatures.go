package doctor

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// checkSignatures checks whether readers require signatures.
func checkSignatures(_ context.Context, p *probe, r *report.Report) {
	c := report.Check{ID: report.SignaturesID, Check: "signatures"}
	forged := slices.ContainsFunc(r.Checks, func(c report.Check) bool { return c.Scope == string(trust.Trusted) && c.Status == report.Exposed })
	switch {
	case p.settings.Trust.Shared:
		return // without scopes nothing is signed
	case p.settings.Trust.Verifier != nil:
		c.Status = report.Enforced
		c.Seen = fmt.Sprintf("readers reject unsigned entries: azure.trust.publicKeys has %s", p.keyList())
	case forged:
		c.Status = report.Missing
		c.Seen = "azure.trust.publicKeys is not set: readers trust every entry in trusted"
		c.Fix = "fix what is exposed in trusted, or sign entries: nx-azure-cache keys generate; " + aboutSignatures
	default:
		c.Status = report.Allowed
		c.Seen = "azure.trust.publicKeys is not set: only the permissions of the storage keep others out of trusted"
	}
	r.Checks = append(r.Checks, c)
}

func (p *probe) keyList() string {
	var all []string
	for _, key := range p.settings.Trust.Keys {
		text := key.ID()
		if !p.settings.Trust.Verifier.Trusts(key) {
			text += " (revoked)"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// checkSigningKey checks whether the signing key is only where it should be.
func checkSigningKey(_ context.Context, p *probe, r *report.Report) {
	key, isSet, err := trust.SigningKey(p.getenv)
	verifier := p.settings.Trust.Verifier
	if p.settings.Trust.Shared || !isSet && verifier == nil {
		return // no signatures are required, and none are made
	}
	c := report.Check{ID: report.SigningKeyID, Check: "the signing key"}
	switch {
	case !p.isTrusted() && isSet:
		c.Status, c.Fails = report.Exposed, true
		c.Seen = trust.SigningKeyVariable + " is set in an untrusted run: any code in it can sign for trusted"
		c.Fix = "make a new key, revoke this one (azure.trust.revokedKeys), and give the new one to jobs of trusted branches only; " + aboutSignatures
	case !p.isTrusted():
		c.Status, c.Seen = report.Enforced, trust.SigningKeyVariable+" is not set here"
	case !isSet:
		c.Status, c.Seen = report.Missing, trust.SigningKeyVariable+" is not set: this run stores nothing"
		c.Fix = "give the key to jobs of trusted branches, from a secret that pull requests cannot read; " + aboutSignatures
	case err != nil:
		c.Status, c.Seen = report.Missing, err.Error()+": this run stores nothing"
		c.Fix = "correct it, or make a new one: nx-azure-cache keys generate; " + aboutSignatures
	case verifier == nil:
		c.Status, c.Seen = report.Allowed, "this run signs with the key "+key.Public().ID()+", but no reader requires it"
		c.Fix = "add " + key.Public().String() + " to azure.trust.publicKeys in nx.json; " + aboutSignatures
	case !verifier.Trusts(key.Public()):
		c.Status, c.Seen = report.Missing, "the key "+key.Public().ID()+" is not in azure.trust.publicKeys, or is revoked: this run stores nothing"
		c.Fix = "set a key that is in azure.trust.publicKeys in nx.json, or add the public key of this one; " + aboutSignatures
	default:
		c.Status, c.Seen = report.Allowed, "this run signs with the key "+key.Public().ID()
	}
	r.Checks = append(r.Checks, c)
}
