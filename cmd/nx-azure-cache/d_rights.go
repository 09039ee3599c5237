package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
)

// examineRights looks whether the container is there, and tries what this run does
// in it: reading what it reads, and writing in its own scope.
func examineRights(ctx context.Context, p *patient, r *report) {
	if p.pointless != "" {
		r.skip(partRights, p.pointless)
		return
	}
	s := p.subject
	for _, a := range s.areas {
		if slices.Contains(s.role.Reads(), a.scope) && !p.examineRead(ctx, a, r) {
			return
		}
	}
	if p.isNobody {
		r.add(partRights, "write", "write", ok, nobodyWrites, "")
		return
	}
	for _, a := range s.areas {
		if a.own {
			p.examineWrites(ctx, a, r)
			return
		}
	}
	r.add(partRights, "write", "write", ok, "not needed: a run in the scope "+string(s.role.Scope)+" stores nothing", "")
}

const nobodyWrites = "not tried: nobody is signed in, who may write nowhere"

// examineRead reports whether there is a point in going on.
func (p *patient) examineRead(ctx context.Context, a area, r *report) bool {
	s := p.subject
	name := s.settings.ContainerOf(a.scope)
	what := "container " + name
	tried := s.read(ctx, a)
	switch tried.verdict {
	case granted:
		r.addOnce(partRights, "container."+name, what, ok, "it exists", "")
		r.add(partRights, a.id+".read", "read in "+a.title, ok, "it may, which restoring results needs", "")
		return true
	case refused:
		r.add(partRights, a.id+".read", "read in "+a.title, failed, tried.seen+": without it nothing is restored", readFix)
		return true
	default:
		found := unknown
		if _, isConfig := errors.AsType[*cache.ConfigError](tried.err); isConfig {
			found = failed
		}
		r.add(partRights, "container."+name, what, found, tried.seen, "")
		p.giveUp(fmt.Sprintf("not tried: the container %s cannot be used", name))
		return false
	}
}

// examineWrites tries to create, overwrite and delete in the scope of the run.
func (p *patient) examineWrites(ctx context.Context, a area, r *report) {
	s := p.subject
	tried, needed := s.write(ctx, a), s.role.Mode == cache.ReadWrite
	row := func(operation string, it attempt, found status, why, fix string) {
		seen := it.seen + "; " + why
		if it.verdict == untried {
			found, seen, fix = unknown, it.seen, ""
		}
		r.add(partRights, "write."+operation, operation+" in "+a.title, found, seen, fix)
	}
	switch {
	case !needed:
		row(create, tried.create, ok, "a run that is "+string(s.role.Mode)+" stores nothing", "")
	case tried.create.verdict == granted:
		row(create, tried.create, ok, "storing results needs it", "")
	default:
		row(create, tried.create, failed, "without it nothing is stored", s.createFix(a))
	}
	if tried.overwrite.verdict == refused && needed && s.isTrusted() {
		row(overwrite, tried.overwrite, warning, "replacing an entry that is damaged needs it: it stays, and is a miss for ever", s.overwriteFix(a))
	} else {
		row(overwrite, tried.overwrite, ok, "only replacing a damaged entry needs it", "")
	}
	row(remove, tried.remove, ok, "no run needs it, only people's nx-azure-cache evict", "")
}

// addOnce adds what may have been added before.
func (r *report) addOnce(of part, id, what string, found status, seen, fix string) {
	if !slices.ContainsFunc(r.Checks, func(c check) bool { return c.Part == of && c.ID == id }) {
		r.add(of, id, what, found, seen, fix)
	}
}
