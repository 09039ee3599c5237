package main

import (
	"context"
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
