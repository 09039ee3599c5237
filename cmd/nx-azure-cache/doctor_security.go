package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// subject is the run that is examined.
type subject struct {
	settings   config.Settings
	role       config.RunPolicy
	getenv     func(string) string
	identity   identity
	canary     string
	areas      []area
	containers map[string]*azure.Container // by name
	silent     map[string]bool             // those that do not say what the run may do

	// What was tried, by the ID of the area: once, whatever asks for it.
	reads  map[string]attempt
	writes map[string]attempts
	lost   []leftover // of what else was written
}

// openSubject finds out who the run is. It sends nothing.
func openSubject(where config.Workspace) (*subject, error) {
	s := &subject{
		settings: where.Settings, role: where.Policy, getenv: where.Getenv, canary: newCanary(),
		silent: make(map[string]bool), reads: make(map[string]attempt), writes: make(map[string]attempts),
	}
	s.identity = identify(s.settings)
	s.areas = areas(s.role.Run, s.canary)
	var scopes []trust.Scope
	for _, a := range s.areas {
		scopes = append(scopes, a.scope)
	}
	var err error
	s.containers, err = s.settings.OpenContainers(scopes)
	return s, err
}

// area is a scope in which writes are tried.
type area struct {
	id    string
	title string
	scope trust.Scope
	own   bool // the run writes it
}

// areas are the scopes in which writes are tried. Those of others are of no real
// pull request or branch, so that nobody reads what is written there.
func areas(run trust.Run, canary string) []area {
	own := run.Scope
	if own == trust.Shared {
		return []area{{"shared", "the shared scope", trust.Shared, true}}
	}
	all := []area{{"trusted", "trusted", trust.Trusted, own == trust.Trusted}}
	if own != trust.Trusted && run.Writes() {
		all = append(all, area{"own", string(own) + ", the run's own", own, true})
	}
	all = append(all,
		area{"other-pull-request", "the scope of another pull request", trust.PullRequest(canary), false},
		area{"other-branch", "the scope of another branch", trust.Branch(canary), false})
	if own != trust.Local {
		all = append(all, area{"local", "local, that of developers", trust.Local, false})
	}
	return all
}

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

func (s *subject) runReport() *runReport {
	return &runReport{string(s.role.Scope), s.role.Reason, s.isTrusted(), string(s.role.Mode)}
}

// leftovers are the entries that were made and could not be removed.
func (s *subject) leftovers() []leftover {
	all := []leftover{} // in JSON an empty array
	for _, a := range s.areas {
		if s.writes[a.id].left {
			all = append(all, s.leftover(a))
		}
	}
	return append(all, s.lost...)
}

// anyContainer is one of the containers, which share the sign-in.
func (s *subject) anyContainer() *azure.Container {
	return s.containers[s.settings.ContainerOf(s.areas[0].scope)]
}

func (s *subject) isTrusted() bool { return s.role.Scope == trust.Trusted }

func (s *subject) containerReports() (all []containerReport) {
	for _, a := range s.areas {
		name, kind := s.settings.ContainerOf(a.scope), string(a.scope.Kind())
		at := slices.IndexFunc(all, func(c containerReport) bool { return c.Name == name })
		if at < 0 {
			at = len(all)
			all = append(all, containerReport{Name: name, URL: s.containers[name].URL()})
		}
		if !slices.Contains(all[at].Scopes, kind) {
			all[at].Scopes = append(all[at].Scopes, kind)
		}
	}
	return all
}

// path is where the entries of a scope are, for people.
func (s *subject) path(scope trust.Scope) string {
	url := s.containers[s.settings.ContainerOf(scope)].URL()
	return url + "/" + strings.TrimSuffix(cache.Name(s.settings.Prefix, scope, ""), "/")
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

// readFix is what to do where a run may not read.
var readFix = `give the identity the role "Nx cache read" on the container (data action blobs/read; a SAS: sp=r); ` + section(identitiesTitle)

// read tries to read in a scope, unless that was tried before.
func (s *subject) read(ctx context.Context, a area) attempt {
	tried, isDone := s.reads[a.id]
	if isDone {
		return tried
	}
	if !s.answers(ctx, a) {
		return notTried
	}
	tried = tryRead(ctx, s.blobs(a), s.name(a))
	s.silent[s.settings.ContainerOf(a.scope)] = tried.verdict == untried
	s.reads[a.id] = tried
	return tried
}

// write tries to write in a scope, unless that was tried before.
func (s *subject) write(ctx context.Context, a area) attempts {
	tried, isDone := s.writes[a.id]
	if isDone {
		return tried
	}
	if !s.answers(ctx, a) {
		return attempts{create: notTried, overwrite: notTried, remove: notTried}
	}
	tried = tryWrites(ctx, s.blobs(a), s.name(a))
	s.silent[s.settings.ContainerOf(a.scope)] = tried.create.verdict == untried
	s.writes[a.id] = tried
	return tried
}

func (s *subject) checkOf(a area, operation string) check {
	return check{
		ID: a.id + "." + operation, Check: operation + " in " + a.title,
		Scope: string(a.scope), Container: s.settings.ContainerOf(a.scope), Operation: operation,
	}
}

func (s *subject) blobs(a area) *azure.Container {
	return s.containers[s.settings.ContainerOf(a.scope)]
}

func (s *subject) name(a area) string { return cache.Name(s.settings.Prefix, a.scope, s.canary) }

// The operations that are tried.
const (
	create    = "create"
	overwrite = "overwrite"
	remove    = "delete"
)

// notTried stands for what is not tried in a container that is silent, or after
// Ctrl-C.
var notTried = attempt{seen: "not tried: what was tried before was not answered"}

// answers reports whether something is to be tried. A container that is silent is
// not asked again: each attempt would take its time.
func (s *subject) answers(ctx context.Context, a area) bool {
	return ctx.Err() == nil && !s.silent[s.settings.ContainerOf(a.scope)]
}

// checkWrites tries what must be forbidden.
func checkWrites(ctx context.Context, s *subject, r *report) {
	for _, a := range s.areas {
		s.report(r, a, s.write(ctx, a))
	}
}

func (s *subject) leftover(a area) leftover { return s.leftoverOf(a, s.name(a)) }

func (s *subject) leftoverOf(a area, name string) leftover {
	return newLeftover(s.settings.ContainerOf(a.scope), name, s.blobs(a).URL())
}

// newLeftover is the entry with a name in a container, which is at a URL.
func newLeftover(container, name, containerURL string) leftover {
	url := containerURL + "/" + name
	command, _ := printable.Command("az storage blob delete --auth-mode login --blob-url %s", url)
	return leftover{Container: container, Name: name, URL: url, Command: command}
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

// createFix is what to do where a run may not store.
func (s *subject) createFix(a area) string {
	return fmt.Sprintf(`give the identity the role "Nx cache add" for %s/* (data actions blobs/read and blobs/add/action; a SAS: sp=rc); %s`,
		s.path(a.scope), section(identitiesTitle))
}

// overwriteFix is what to do where a trusted run may not replace what is damaged.
func (s *subject) overwriteFix(a area) string {
	return fmt.Sprintf(`give the identity of trusted runs the role "Nx cache write" for %s/* (data action blobs/write; a SAS: sp=rcw), or remove such entries with nx-azure-cache evict; %s`,
		s.path(a.scope), section("Repair"))
}

// separate says how a run is kept out of a scope.
func (s *subject) separate(a area) string {
	switch {
	case s.role.Scope.Kind() == trust.KindPullRequest && a.scope.Kind() == trust.KindPullRequest:
		return `the storage cannot tell two pull requests of a repository apart: they sign in as one subject. Keep them from overwriting and deleting (the role "Nx cache add"; a SAS: sp=rc); ` +
			section(identitiesTitle)
	case s.identity.Kind == identityKey:
		return withoutKey
	case s.identity.Kind == identitySAS:
		// There is one connection string: no SAS reads all of what the run reads and
		// creates in a part of it.
		return "no SAS may create in one scope and only read another: let runs like this one only read (azure.ciMode or localMode in nx.json, and a SAS with sp=r), " +
			"or sign in with an identity of their own; " + section("Account keys and SAS")
	default:
		return fmt.Sprintf("give runs like this one an identity of their own that may not write %s/*: a condition on the path, or another container (azure.trust.containers in nx.json); %s",
			s.path(a.scope), section(identitiesTitle))
	}
}

// checkSignatures looks whether readers ask for signatures.
func checkSignatures(_ context.Context, s *subject, r *report) {
	c := check{ID: "signatures", Check: "signatures"}
	forged := slices.ContainsFunc(r.Checks, func(c check) bool { return c.Scope == string(trust.Trusted) && c.Status == exposed })
	switch {
	case s.settings.Trust.Shared:
		return // nothing is signed where there are no scopes
	case s.settings.Trust.Verifier != nil:
		c.Status = enforced
		c.Seen = fmt.Sprintf("readers refuse what is not signed: azure.trust.publicKeys has %s", s.keyList())
	case forged:
		c.Status = missing
		c.Seen = "azure.trust.publicKeys is not set: readers believe whatever is in trusted"
		c.Fix = "close what is exposed in trusted, or sign: nx-azure-cache keys generate; " + section(signaturesTitle)
	default:
		c.Status = allowed
		c.Seen = "azure.trust.publicKeys is not set: the rights of the storage alone keep others out of trusted"
	}
	r.Checks = append(r.Checks, c)
}

func (s *subject) keyList() string {
	var all []string
	for _, key := range s.settings.Trust.Keys {
		text := key.ID()
		if !s.settings.Trust.Verifier.Believes(key) {
			text += " (revoked)"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// checkSigningKey looks whether the key that signs is where it belongs.
func checkSigningKey(_ context.Context, s *subject, r *report) {
	key, isSet, err := trust.SigningKey(s.getenv)
	verifier := s.settings.Trust.Verifier
	if s.settings.Trust.Shared || !isSet && verifier == nil {
		return // no signatures are asked for, and nobody makes any
	}
	c := check{ID: "signing-key", Check: "the signing key"}
	switch {
	case !s.isTrusted() && isSet:
		c.Status, c.Fails = exposed, true
		c.Seen = trust.SigningKeyVariable + " is set in a run that is not trusted: whatever it runs can sign for trusted"
		c.Fix = "make a new key, revoke this one (azure.trust.revokedKeys), and give the new one to jobs of trusted branches only; " + section(signaturesTitle)
	case !s.isTrusted():
		c.Status, c.Seen = enforced, trust.SigningKeyVariable+" is not set here"
	case !isSet:
		c.Status, c.Seen = missing, trust.SigningKeyVariable+" is not set: this run stores nothing"
		c.Fix = "give the key to jobs of trusted branches, from a secret that pull requests cannot read; " + section(signaturesTitle)
	case err != nil:
		c.Status, c.Seen = missing, err.Error()+": this run stores nothing"
		c.Fix = "correct it, or make a new one: nx-azure-cache keys generate; " + section(signaturesTitle)
	case verifier == nil:
		c.Status, c.Seen = allowed, "this run signs with the key "+key.Public().ID()+", and nobody asks for it"
		c.Fix = "add " + key.Public().String() + " to azure.trust.publicKeys in nx.json; " + section(signaturesTitle)
	case !verifier.Believes(key.Public()):
		c.Status, c.Seen = missing, "the key "+key.Public().ID()+" is not in azure.trust.publicKeys, or is revoked: this run stores nothing"
		c.Fix = "set the key that belongs to azure.trust.publicKeys in nx.json, or add its public one; " + section(signaturesTitle)
	default:
		c.Status, c.Seen = allowed, "this run signs with the key "+key.Public().ID()
	}
	r.Checks = append(r.Checks, c)
}

// The titles of sections of docs/security.md.
const (
	identitiesTitle = "Separate identities"
	signaturesTitle = "Signatures"
)

func section(title string) string { return fmt.Sprintf("docs/security.md, %q", title) }

// withoutKey is what to do about an account key.
var withoutKey = "unset " + config.ConnectionVariable + ", sign in with an identity that has a role on the container, and disable the keys " +
	"(az storage account update --name ACCOUNT --allow-shared-key-access false); " + section("Account keys and SAS")

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
