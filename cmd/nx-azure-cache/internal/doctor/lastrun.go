package doctor

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/lastrun"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
)

const (
	// maxResults is how many results are looked up, and maxNamed how many are named.
	maxResults, maxNamed = 50, 3
	// lookupsAtOnce is how many are looked up at the same time.
	lookupsAtOnce = 8
)

// examineLastRun looks up which results of Nx's last run are in the remote cache. Nx never
// stores results that it finds in its local cache, so those from before the cache worked
// stay there.
func examineLastRun(ctx context.Context, e *examination, r *report.Report) {
	if e.Document.CacheDirectory == "" || e.skipReason != "" {
		return
	}
	tasks, err := lastResults(e.Document.CacheDirectory, e.Settings.Tasks)
	if err != nil || len(tasks) == 0 {
		return // Nx has not run here, or has only run what it does not cache
	}
	const id, what = "results", "results of the last run"
	checked := tasks[:min(len(tasks), maxResults)]
	missing, err := e.probe.missing(ctx, checked)
	if err != nil {
		r.Add(report.LastRun, id, what, report.Skipped, "not looked up: "+err.Error(), "") // says nothing about the cache
		return
	}
	of := fmt.Sprintf("the last run's %d results", len(tasks))
	if len(checked) < len(tasks) {
		of = fmt.Sprintf("%d of %s that were looked up", len(checked), of)
	}
	seen := fmt.Sprintf("%d of %s are in the remote cache", len(checked)-len(missing), of)
	if len(missing) == 0 {
		r.Add(report.LastRun, id, what, report.OK, seen, "")
		return
	}
	seen += fmt.Sprintf("; only in the local cache: %s", strings.Join(missing[:min(len(missing), maxNamed)], ", "))
	if more := len(missing) - maxNamed; more > 0 {
		seen += fmt.Sprintf(" and %d more", more)
	}
	switch mode := e.probe.policy.Mode; {
	case e.isAnonymous:
		r.Add(report.LastRun, id, what, report.OK, seen+"; this run is anonymous and stores nothing", "")
	case mode != cache.ReadWrite:
		r.Add(report.LastRun, id, what, report.OK, seen+"; this run is "+string(mode), "")
	default:
		r.Add(report.LastRun, id, what, report.Warning, seen, e.localHitsFix())
	}
}

// localHitsFix is the fix for results that are only in the local cache.
func (e *examination) localHitsFix() string {
	const reset = "run nx reset, and build again"
	switch {
	case e.probe.policy.Scope != trust.Local:
		return "no run stores results that Nx finds in its local cache: " + reset
	case e.Settings.Backfill:
		return "the next run that finds them in the local cache stores them in the background (azure.backfill); to store them at once, " + reset
	default:
		return "no run stores results that Nx finds in its local cache: " + reset + "; or set azure.backfill in nx.json"
	}
}

// lastResults returns the tasks of Nx's last run whose results are in its local cache and
// may be in the remote one.
func lastResults(cacheDirectory string, filter taskfilter.Filter) (results []lastrun.Task, err error) {
	dir, err := os.OpenRoot(cacheDirectory)
	if err != nil {
		return nil, err
	}
	defer dir.Close() // reading only: nothing is lost
	tasks, err := lastrun.Read(dir)
	if err != nil {
		return nil, err
	}
	includes := filter.Func()
	for _, task := range tasks {
		if task.Code != 0 || includes != nil && !includes(nameOf(task)) {
			continue
		}
		// Nx keeps no folder for tasks that it does not cache.
		if info, err := dir.Lstat(task.Hash); err == nil && info.IsDir() {
			results = append(results, task)
		}
	}
	return results, nil
}

// nameOf returns a task's names. Its ID ends with the configuration, if it has one.
func nameOf(t lastrun.Task) taskfilter.Task {
	configuration, _ := strings.CutPrefix(t.ID, t.Project+":"+t.Target+":")
	if configuration == t.ID {
		configuration = ""
	}
	return taskfilter.Task{Project: t.Project, Target: t.Target, Configuration: configuration}
}

// missing returns the IDs of the tasks whose results are in no scope that the run reads.
func (p *probe) missing(ctx context.Context, tasks []lastrun.Task) (missing []string, err error) {
	found, errs := make([]bool, len(tasks)), make([]error, len(tasks))
	slots := make(chan struct{}, lookupsAtOnce)
	var lookups sync.WaitGroup
	for i, task := range tasks {
		slots <- struct{}{}
		lookups.Go(func() {
			defer func() { <-slots }()
			found[i], errs[i] = p.has(ctx, task.Hash)
		})
	}
	lookups.Wait()
	for i, task := range tasks {
		if errs[i] != nil {
			return nil, errs[i]
		}
		if !found[i] {
			missing = append(missing, task.ID)
		}
	}
	return missing, nil
}

// has reports whether a scope that the run reads has an entry for a hash. It looks in the
// scope of the run first, as [cache.Cache.IsStored] does.
func (p *probe) has(ctx context.Context, hash string) (bool, error) {
	for _, scope := range slices.Backward(p.policy.Reads()) {
		container := p.containers[p.settings.ContainerOf(scope)]
		if exists, err := container.Exists(ctx, cache.Name(p.settings.Prefix, scope, hash)); exists || err != nil {
			return exists, err
		}
	}
	return false, nil
}
