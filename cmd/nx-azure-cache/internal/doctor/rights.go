package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// examineRights looks whether the container is there, and tries what this run does
// in it: reading what it reads, and writing in its own scope.
func examineRights(ctx context.Context, p *examination, r *Report) {
	if p.skipReason != "" {
		r.skip(partRights, p.skipReason)
		return
	}
	s := p.probe
	for _, a := range s.targets {
		if slices.Contains(s.role.Reads(), a.scope) && !p.examineRead(ctx, a, r) {
			return
		}
	}
	if p.isAnonymous {
		r.add(partRights, "write", "write", statusOK, anonymousWrites, "")
		return
	}
	for _, a := range s.targets {
		if a.own {
			p.examineWrites(ctx, a, r)
			return
		}
	}
	r.add(partRights, "write", "write", statusOK, "not needed: a run in the scope "+string(s.role.Scope)+" stores nothing", "")
}

const anonymousWrites = "not tried: nobody is signed in, who may write nowhere"

// examineRead reports whether there is a point in going on.
func (p *examination) examineRead(ctx context.Context, a target, r *Report) bool {
	s := p.probe
	name := s.settings.ContainerOf(a.scope)
	what := "container " + name
	tried := s.read(ctx, a)
	switch tried.verdict {
	case granted:
		r.addOnce(partRights, "container."+name, what, statusOK, "it exists", "")
		r.add(partRights, a.id+".read", "read in "+a.title, statusOK, "it may, which restoring results needs", "")
		return true
	case refused:
		r.add(partRights, a.id+".read", "read in "+a.title, statusFailed, tried.seen+": without it nothing is restored", readFix)
		return true
	default:
		found := statusUnknown
		if _, isConfig := errors.AsType[*cache.ConfigError](tried.err); isConfig {
			found = statusFailed
		}
		r.add(partRights, "container."+name, what, found, tried.seen, "")
		p.skipRest(fmt.Sprintf("not tried: the container %s cannot be used", name))
		return false
	}
}

// examineWrites tries to create, overwrite and delete in the scope of the run.
func (p *examination) examineWrites(ctx context.Context, a target, r *Report) {
	s := p.probe
	tried, needed := s.write(ctx, a), s.role.Mode == cache.ReadWrite
	row := func(operation string, it attempt, found status, why, fix string) {
		seen := it.seen + "; " + why
		if it.verdict == untried {
			found, seen, fix = statusUnknown, it.seen, ""
		}
		r.add(partRights, "write."+operation, operation+" in "+a.title, found, seen, fix)
	}
	switch {
	case !needed:
		row(opCreate, tried.create, statusOK, "a run that is "+string(s.role.Mode)+" stores nothing", "")
	case tried.create.verdict == granted:
		row(opCreate, tried.create, statusOK, "storing results needs it", "")
	default:
		row(opCreate, tried.create, statusFailed, "without it nothing is stored", s.createFix(a))
	}
	if tried.overwrite.verdict == refused && needed && s.isTrusted() {
		row(opOverwrite, tried.overwrite, statusWarning, "replacing an entry that is damaged needs it: it stays, and is a miss for ever", s.overwriteFix(a))
	} else {
		row(opOverwrite, tried.overwrite, statusOK, "only replacing a damaged entry needs it", "")
	}
	row(opDelete, tried.remove, statusOK, "no run needs it, only people's nx-azure-cache evict", "")
}

// addOnce adds what may have been added before.
func (r *Report) addOnce(of part, id, what string, found status, seen, fix string) {
	if !slices.ContainsFunc(r.Checks, func(c check) bool { return c.Part == of && c.ID == id }) {
		r.add(of, id, what, found, seen, fix)
	}
}
