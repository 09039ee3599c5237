package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// examineRights checks that the container exists, and tries what this run does in it:
// reading what it reads, and writing in its own scope.
func examineRights(ctx context.Context, e *examination, r *Report) {
	if e.skipReason != "" {
		r.skip(partRights, e.skipReason)
		return
	}
	p := e.probe
	for _, a := range p.targets {
		if slices.Contains(p.policy.Reads(), a.scope) && !e.examineRead(ctx, a, r) {
			return
		}
	}
	if e.isAnonymous {
		r.add(partRights, "write", "write", statusOK, anonymousWrites, "")
		return
	}
	for _, a := range p.targets {
		if a.own {
			e.examineWrites(ctx, a, r)
			return
		}
	}
	r.add(partRights, "write", "write", statusOK, "not needed: a run in the scope "+string(p.policy.Scope)+" stores nothing", "")
}

const anonymousWrites = "not tried: anonymous requests cannot write"

// examineRead reports whether it makes sense to go on.
func (e *examination) examineRead(ctx context.Context, a target, r *Report) bool {
	p := e.probe
	name := p.settings.ContainerOf(a.scope)
	what := "container " + name
	tried := p.read(ctx, a)
	switch tried.verdict {
	case granted:
		r.addOnce(partRights, "container."+name, what, statusOK, "it exists", "")
		r.add(partRights, a.id+".read", "read in "+a.title, statusOK, "allowed, as restoring results requires", "")
		return true
	case refused:
		r.add(partRights, a.id+".read", "read in "+a.title, statusFailed, tried.seen+": without it nothing is restored", p.readFix(a))
		return true
	default:
		found := statusUnknown
		if _, isConfig := errors.AsType[*cache.ConfigError](tried.err); isConfig {
			found = statusFailed
		}
		r.add(partRights, "container."+name, what, found, tried.seen, unless(found != statusFailed, explained(containerFix, tried.err, docs+"troubleshooting.md#responses-from-azure")))
		e.skipRest(fmt.Sprintf("not tried: the container %s cannot be used", name))
		return false
	}
}

// examineWrites tries to create, overwrite and delete in the scope of the run.
func (e *examination) examineWrites(ctx context.Context, a target, r *Report) {
	p := e.probe
	tried, needed := p.write(ctx, a), p.policy.Mode == cache.ReadWrite
	row := func(operation string, tried attempt, found Status, why, fix string) {
		seen := tried.seen + "; " + why
		if tried.verdict == untried {
			found, seen, fix = statusUnknown, tried.seen, ""
		}
		r.add(partRights, "write."+operation, operation+" in "+a.title, found, seen, fix)
	}
	switch {
	case !needed:
		row(opCreate, tried.create, statusOK, "a run that is "+string(p.policy.Mode)+" stores nothing", "")
	case tried.create.verdict == granted:
		row(opCreate, tried.create, statusOK, "storing results requires it", "")
	default:
		row(opCreate, tried.create, statusFailed, "without it nothing is stored", p.createFix(a))
	}
	if tried.overwrite.verdict == refused && needed && p.isTrusted() {
		row(opOverwrite, tried.overwrite, statusWarning, "replacing a damaged entry requires it: without it, the entry stays and is a miss forever", p.overwriteFix(a))
	} else {
		row(opOverwrite, tried.overwrite, statusOK, "only replacing a damaged entry requires it", "")
	}
	row(opDelete, tried.remove, statusOK, "no run needs it, only nx-azure-cache evict does", "")
}

// addOnce adds a row unless there is one with this ID.
func (r *Report) addOnce(of Part, id, what string, found Status, seen, fix string) {
	if !slices.ContainsFunc(r.Checks, func(c Check) bool { return c.Part == of && c.ID == id }) {
		r.add(of, id, what, found, seen, fix)
	}
}
