package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// examineRights checks that the container exists, and tries what this run does in it:
// reading what it reads, and writing in its own scope.
func examineRights(ctx context.Context, e *examination, r *report.Report) {
	if e.skipReason != "" {
		r.Skip(report.Rights, e.skipReason)
		return
	}
	p := e.probe
	for _, a := range p.targets {
		if slices.Contains(p.policy.Reads(), a.scope) && !e.examineRead(ctx, a, r) {
			return
		}
	}
	if e.isAnonymous {
		r.Add(report.Rights, "write", "write", report.OK, anonymousWrites, "")
		return
	}
	for _, a := range p.targets {
		if a.own {
			e.examineWrites(ctx, a, r)
			return
		}
	}
	r.Add(report.Rights, "write", "write", report.OK, "not needed: a run in the scope "+string(p.policy.Scope)+" stores nothing", "")
}

const anonymousWrites = "not tried: anonymous requests cannot write"

// examineRead reports whether it makes sense to go on.
func (e *examination) examineRead(ctx context.Context, a target, r *report.Report) bool {
	p := e.probe
	name := p.settings.ContainerOf(a.scope)
	what := "container " + name
	tried := p.read(ctx, a)
	switch tried.verdict {
	case granted:
		r.AddOnce(report.Rights, "container."+name, what, report.OK, "it exists", "")
		r.Add(report.Rights, a.id+".read", "read in "+a.title, report.OK, "allowed, as restoring results requires", "")
		return true
	case refused:
		r.Add(report.Rights, a.id+".read", "read in "+a.title, report.Failed, tried.seen+": without it nothing is restored", p.readFix(a))
		return true
	default:
		found, fix := report.Unknown, ""
		if _, isConfig := errors.AsType[*cache.ConfigError](tried.err); isConfig {
			found, fix = report.Failed, explained(containerFix, tried.err, docs+"troubleshooting.md#responses-from-azure")
		}
		r.Add(report.Rights, "container."+name, what, found, tried.seen, fix)
		e.skipRest(fmt.Sprintf("not tried: the container %s cannot be used", name))
		return false
	}
}

// examineWrites tries to create, overwrite and delete in the scope of the run.
func (e *examination) examineWrites(ctx context.Context, a target, r *report.Report) {
	p := e.probe
	tried, needed := p.write(ctx, a), p.policy.Mode == cache.ReadWrite
	row := func(operation string, tried attempt, found report.Status, why, fix string) {
		seen := tried.seen + "; " + why
		if tried.verdict == untried {
			found, seen, fix = report.Unknown, tried.seen, ""
		}
		r.Add(report.Rights, "write."+operation, operation+" in "+a.title, found, seen, fix)
	}
	switch {
	case !needed:
		row(opCreate, tried.create, report.OK, "a run that is "+string(p.policy.Mode)+" stores nothing", "")
	case tried.create.verdict == granted:
		row(opCreate, tried.create, report.OK, "storing results requires it", "")
	default:
		row(opCreate, tried.create, report.Failed, "without it nothing is stored", p.createFix(a))
	}
	if tried.overwrite.verdict == refused && needed && p.isTrusted() {
		row(opOverwrite, tried.overwrite, report.Warning, "replacing a damaged entry requires it: without it, the entry stays and is a miss forever", p.overwriteFix(a))
	} else {
		row(opOverwrite, tried.overwrite, report.OK, "only replacing a damaged entry requires it", "")
	}
	row(opDelete, tried.remove, report.OK, "no run needs it, only nx-azure-cache evict does", "")
}
