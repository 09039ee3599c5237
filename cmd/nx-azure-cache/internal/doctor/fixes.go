package doctor

import (
	"errors"
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// Fixes for rows that name what is wrong, and often the command that solves it.
const (
	settingFix = "correct what the row names, in nx.json or the environment"
	claimFix   = "set the variable in the environment of the shell or the CI job, or remove it from the .env file; " + docs + "configuration.md#env-files"
	policyFix  = "correct what the rows \"this run\" name, or let runs like this one only read (azure.ciMode or localMode \"read-only\" in nx.json); " + docs + "security/scopes.md"

	containerFix = "do what the row says, or correct azure.container and azure.accountName in nx.json"
)

// networkFixes are the fixes for the steps of the connection.
var networkFixes = map[string]string{
	transport.StepDNS:     "correct azure.accountName or azure.endpoint in nx.json, or the DNS of this machine, which must resolve %s (nslookup)",
	transport.StepConnect: "let this machine connect to %s (firewall, VPN, private endpoint), or set HTTPS_PROXY",
	transport.StepProxy:   "correct HTTPS_PROXY, let the proxy connect to %[1]s, or add %[1]s to NO_PROXY if it is reachable directly",
	transport.StepTLS:     "trust the certificate authority of %s, or of the proxy in between: NODE_EXTRA_CA_CERTS=FILE.pem",
	transport.StepHTTP:    "make sure that %s is the blob endpoint (azure.endpoint in nx.json), and that no proxy or firewall responds in its place",
}

// networkFix is the fix for a failed step of the connection to a host.
func networkFix(step, host string, err error) string {
	return explained(fmt.Sprintf(networkFixes[step], host), err, docs+"networks.md")
}

// explained adds to a fix the command that explains the error or, if the error has no
// code, a page.
func explained(fix string, err error, page string) string {
	if code, ok := diagnostic.CodeOf(err); ok {
		return fmt.Sprintf("%s; npx nx-azure-cache help %s", fix, code)
	}
	return fix + "; " + page
}

// explainedLine adds to a fix the command that explains a line of a run.
func explainedLine(fix string, line diagnostic.Message) string {
	return explained(fix, diagnostic.With(line.Code, errors.New(line.Text)), docs+"configuration.md")
}

// readFix is the fix for a run that may not read.
func (p *probe) readFix(a target) string {
	return p.permissionFix(a, p.use, `the role "Nx cache read" on the container`, permissions.Restore)
}

// createFix is the fix for a run that may not store. The settings ask for storing, even if
// the run itself only reads, such as a trusted run without its signing key.
func (p *probe) createFix(a target) string {
	return p.permissionFix(a, permissions.Store, fmt.Sprintf(`the role "Nx cache add" for %s/*`, p.path(a.scope)), permissions.Store)
}

// permissionFix is the fix for a missing permission. A SAS gets all that the run needs, and
// keeps what it has: one replacement is enough. Roles add up, and are for one scope each.
func (p *probe) permissionFix(a target, use permissions.Use, role string, of permissions.Use) string {
	if p.identity.Kind == identitySAS {
		return "replace the SAS: " + p.blobs(a).SASCommand(use.SASWith(p.identity.Permissions)) + "; " + aboutKeys
	}
	return fmt.Sprintf("give the identity %s (data actions %s); %s", role, of.Actions(), aboutIdentities)
}

// overwriteFix is the fix for a trusted run that may not replace damaged entries.
func (p *probe) overwriteFix(a target) string {
	fix := p.permissionFix(a, permissions.Repair, fmt.Sprintf(`of trusted runs the role "Nx cache write" for %s/*`, p.path(a.scope)), permissions.Repair)
	return fix + "; or remove such entries with npx nx-azure-cache evict; " + aboutRepair
}

// separationFix says how to keep a run out of a scope.
func (p *probe) separationFix(a target) string {
	switch {
	case p.policy.Scope.Kind() == trust.KindPullRequest && a.scope.Kind() == trust.KindPullRequest:
		return `the storage cannot tell two pull requests of a repository apart: they sign in as one subject. Keep them from overwriting and deleting (the role "Nx cache add"; a SAS: sp=` + permissions.Store.SAS() + "); " + aboutIdentities
	case p.identity.Kind == identityKey:
		return withoutKey
	case p.identity.Kind == identitySAS:
		// A run uses one connection string, and no SAS can read everything that the run
		// reads and create in a part of it.
		return "no SAS may create in one scope and only read another: let runs like this one only read (azure.ciMode or localMode in nx.json, and a SAS with sp=" + permissions.Restore.SAS() + "), " +
			"or sign in with an identity of their own; " + aboutKeys
	default:
		return fmt.Sprintf("give runs like this one an identity of their own that may not write %s/*: a condition on the path, or another container (azure.trust.containers in nx.json); %s",
			p.path(a.scope), aboutIdentities)
	}
}

// docs is where the guides are, for those who have only the package.
const docs = diagnostic.Docs

// Sections of the guides.
const (
	aboutIdentities = docs + "security/setup.md#separate-identities"
	aboutKeys       = docs + "security/setup.md#account-keys-and-sas"
	aboutRepair     = docs + "security/setup.md#repair"
	aboutSignatures = docs + "security/setup.md#signatures"
	aboutScopes     = docs + "security.md#scopes"
)

// withoutKey is the fix for an account key.
var withoutKey = "unset " + config.ConnectionVariable + ", sign in with an identity that has a role on the container, and disable the keys " +
	"(az storage account update --name ACCOUNT --allow-shared-key-access false); " + aboutKeys
