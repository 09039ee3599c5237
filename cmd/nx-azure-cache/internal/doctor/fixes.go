package doctor

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// readFix is the fix for a run that may not read.
var readFix = `give the identity the role "Nx cache read" on the container (data action blobs/read; a SAS: sp=r); ` + section(identitiesTitle)

// createFix is the fix for a run that may not store.
func (p *probe) createFix(a target) string {
	return fmt.Sprintf(`give the identity the role "Nx cache add" for %s/* (data actions blobs/read and blobs/add/action; a SAS: sp=rc); %s`,
		p.path(a.scope), section(identitiesTitle))
}

// overwriteFix is the fix for a trusted run that may not replace damaged entries.
func (p *probe) overwriteFix(a target) string {
	return fmt.Sprintf(`give the identity of trusted runs the role "Nx cache write" for %s/* (data action blobs/write; a SAS: sp=rcw), or remove such entries with nx-azure-cache evict; %s`,
		p.path(a.scope), section("Repair"))
}

// separationFix says how to keep a run out of a scope.
func (p *probe) separationFix(a target) string {
	switch {
	case p.policy.Scope.Kind() == trust.KindPullRequest && a.scope.Kind() == trust.KindPullRequest:
		return `the storage cannot tell two pull requests of a repository apart: they sign in as one subject. Keep them from overwriting and deleting (the role "Nx cache add"; a SAS: sp=rc); ` +
			section(identitiesTitle)
	case p.identity.Kind == identityKey:
		return withoutKey
	case p.identity.Kind == identitySAS:
		// A run uses one connection string, and no SAS can read everything that the run
		// reads and create in a part of it.
		return "no SAS may create in one scope and only read another: let runs like this one only read (azure.ciMode or localMode in nx.json, and a SAS with sp=r), " +
			"or sign in with an identity of their own; " + section("Account keys and SAS")
	default:
		return fmt.Sprintf("give runs like this one an identity of their own that may not write %s/*: a condition on the path, or another container (azure.trust.containers in nx.json); %s",
			p.path(a.scope), section(identitiesTitle))
	}
}

// The titles of sections of docs/security/setup.md.
const (
	identitiesTitle = "Separate identities"
	signaturesTitle = "Signatures"
)

func section(title string) string { return fmt.Sprintf("docs/security/setup.md, %q", title) }

// withoutKey is the fix for an account key.
var withoutKey = "unset " + config.ConnectionVariable + ", sign in with an identity that has a role on the container, and disable the keys " +
	"(az storage account update --name ACCOUNT --allow-shared-key-access false); " + section("Account keys and SAS")
