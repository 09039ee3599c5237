package doctor

import (
	"context"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// probe tries operations in the storage as the run under examination.
type probe struct {
	settings     config.Settings
	policy       config.RunPolicy
	getenv       func(string) string
	identity     report.Identity
	use          permissions.Use
	canary       string
	targets      []target
	containers   map[string]*azure.Container // by name
	unresponsive map[string]bool             // containers whose responses show nothing

	// The attempts so far, by the ID of the target. Each is made once, whichever check
	// needs it.
	reads  map[string]attempt
	writes map[string]attempts
	lost   []report.Leftover // of other entries
}

// openProbe opens the containers. It sends no request.
func openProbe(where config.Workspace) (*probe, error) {
	p := &probe{
		settings: where.Settings, policy: where.Policy, getenv: where.Getenv, canary: newCanary(),
		unresponsive: make(map[string]bool), reads: make(map[string]attempt), writes: make(map[string]attempts),
	}
	p.identity, p.use = identify(p.settings), permissions.OfRun(where.Policy.Mode == cache.ReadWrite)
	p.targets = targets(p.policy.Run, p.canary)
	var scopes []trust.Scope
	for _, a := range p.targets {
		scopes = append(scopes, a.scope)
	}
	var err error
	p.containers, err = p.settings.OpenContainers(p.use, scopes)
	return p, err
}

// target is a scope in which writes are tried.
type target struct {
	id    string
	title string
	scope trust.Scope
	own   bool // the run writes to it
}

// targets returns the scopes in which writes are tried. Scopes of other runs belong to no
// real pull request or branch, so no run reads what is written there.
func targets(run trust.Run, canary string) []target {
	own := run.Scope
	if own == trust.Shared {
		return []target{{"shared", "the shared scope", trust.Shared, true}}
	}
	all := []target{{"trusted", "trusted", trust.Trusted, own == trust.Trusted}}
	if own != trust.Trusted && run.Writes() {
		all = append(all, target{"own", string(own) + ", the run's own", own, true})
	}
	all = append(all,
		target{"other-pull-request", "the scope of another pull request", trust.PullRequest(canary), false},
		target{"other-branch", "the scope of another branch", trust.Branch(canary), false})
	if own != trust.Local {
		all = append(all, target{"local", "local, the developers' scope", trust.Local, false})
	}
	return all
}

func (p *probe) run() *report.Run {
	return &report.Run{Scope: string(p.policy.Scope), Reason: p.policy.Reason, Trusted: p.isTrusted(), Mode: string(p.policy.Mode)}
}

// leftovers returns the entries that could not be removed.
func (p *probe) leftovers() []report.Leftover {
	all := []report.Leftover{} // an empty array in JSON
	for _, a := range p.targets {
		if p.writes[a.id].left {
			all = append(all, p.leftover(a))
		}
	}
	return append(all, p.lost...)
}

// anyContainer returns one of the containers, which share the credential.
func (p *probe) anyContainer() *azure.Container {
	return p.containers[p.settings.ContainerOf(p.targets[0].scope)]
}

func (p *probe) isTrusted() bool { return p.policy.Scope == trust.Trusted }

func (p *probe) containersUsed() (all []report.Container) {
	for _, a := range p.targets {
		name, kind := p.settings.ContainerOf(a.scope), string(a.scope.Kind())
		at := slices.IndexFunc(all, func(c report.Container) bool { return c.Name == name })
		if at < 0 {
			at = len(all)
			all = append(all, report.Container{Name: name, URL: p.containers[name].URL()})
		}
		if !slices.Contains(all[at].Scopes, kind) {
			all[at].Scopes = append(all[at].Scopes, kind)
		}
	}
	return all
}

// path returns where the entries of a scope are, for people.
func (p *probe) path(scope trust.Scope) string {
	url := p.containers[p.settings.ContainerOf(scope)].URL()
	return url + "/" + strings.TrimSuffix(cache.Name(p.settings.Prefix, scope, ""), "/")
}

// read tries to read in a scope, at most once.
func (p *probe) read(ctx context.Context, a target) attempt {
	tried, isDone := p.reads[a.id]
	if isDone {
		return tried
	}
	if !p.mayAsk(ctx, a) {
		return notTried
	}
	tried = tryRead(ctx, p.blobs(a), p.name(a))
	p.unresponsive[p.settings.ContainerOf(a.scope)] = tried.verdict == untried
	p.reads[a.id] = tried
	return tried
}

// write tries to write in a scope, at most once.
func (p *probe) write(ctx context.Context, a target) attempts {
	tried, isDone := p.writes[a.id]
	if isDone {
		return tried
	}
	if !p.mayAsk(ctx, a) {
		return attempts{create: notTried, overwrite: notTried, remove: notTried}
	}
	tried = tryWrites(ctx, p.blobs(a), p.name(a))
	p.unresponsive[p.settings.ContainerOf(a.scope)] = tried.create.verdict == untried
	p.writes[a.id] = tried
	return tried
}

func (p *probe) checkOf(a target, operation string) report.Check {
	return report.Check{
		ID: a.id + "." + operation, Check: operation + " in " + a.title,
		Scope: string(a.scope), Container: p.settings.ContainerOf(a.scope), Operation: operation,
	}
}

func (p *probe) blobs(a target) *azure.Container {
	return p.containers[p.settings.ContainerOf(a.scope)]
}

func (p *probe) name(a target) string { return cache.Name(p.settings.Prefix, a.scope, p.canary) }

// The operations that are tried.
const (
	opCreate    = "create"
	opOverwrite = "overwrite"
	opDelete    = "delete"
)

// notTried is the result for a container that does not respond, or after Ctrl-C.
var notTried = attempt{seen: "not tried: an earlier attempt got no response"}

// mayAsk reports whether to send a request. A container that does not respond gets no
// more: each attempt would take its whole limit.
func (p *probe) mayAsk(ctx context.Context, a target) bool {
	return ctx.Err() == nil && !p.unresponsive[p.settings.ContainerOf(a.scope)]
}

func (p *probe) leftover(a target) report.Leftover { return p.leftoverOf(a, p.name(a)) }

func (p *probe) leftoverOf(a target, name string) report.Leftover {
	return report.NewLeftover(p.settings.ContainerOf(a.scope), name, p.blobs(a).URL())
}
