package doctor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/taskhash"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
)

const (
	// runName is the file in the cache directory in which Nx describes its last run.
	runName = "run.json"
	// maxRun is the size of the largest such file that is read, in bytes: some 50,000 tasks.
	maxRun = 16 << 20
	// maxResults is how many results are looked up, and maxNamed how many are named.
	maxResults, maxNamed = 50, 3
	// lookupsAtOnce is how many are looked up at the same time.
	lookupsAtOnce = 8
)

// lastTask is a task of Nx's last run.
type lastTask struct {
	ID      string `json:"taskId"`
	Project string `json:"projectName"`
	Target  string `json:"target"`
	Hash    string `json:"hash"`
	Code    int    `json:"status"`
}

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
		r.Add(report.LastRun, id, what, report.Unknown, err.Error(), "")
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
	if e.probe.policy.Mode != cache.ReadWrite {
		r.Add(report.LastRun, id, what, report.OK, seen+"; this run is "+string(e.probe.policy.Mode), "")
		return
	}
	fix := "no run stores results that Nx finds in its local cache: run nx reset, and build again"
	if e.probe.policy.Scope == trust.Local {
		fix += "; or set azure.backfill in nx.json"
	}
	r.Add(report.LastRun, id, what, report.Warning, seen, fix)
}

// lastResults returns the tasks of Nx's last run whose results are in its local cache and
// may be in the remote one. The file belongs to the checkout: anyone may have written it.
func lastResults(cacheDirectory string, filter taskfilter.Filter) (results []lastTask, err error) {
	dir, err := directory.Open(cacheDirectory)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	content, err := readRun(dir.Root)
	if err != nil {
		return nil, err
	}
	var run struct {
		Tasks []lastTask `json:"tasks"`
	}
	if err := json.Unmarshal(content, &run); err != nil {
		return nil, err
	}
	includes, seen := filter.Func(), make(map[string]bool)
	for _, task := range run.Tasks {
		if task.Code != 0 || taskhash.Check(task.Hash) != nil || seen[task.Hash] {
			continue
		}
		seen[task.Hash] = true
		if includes != nil && !includes(task.name()) {
			continue
		}
		// Nx keeps no folder for tasks that it does not cache.
		if info, err := dir.Root.Lstat(task.Hash); err == nil && info.IsDir() {
			results = append(results, task)
		}
	}
	return results, nil
}

// name returns the task's names. Its ID ends with the configuration, if it has one.
func (t lastTask) name() taskfilter.Task {
	configuration, _ := strings.CutPrefix(t.ID, t.Project+":"+t.Target+":")
	if configuration == t.ID {
		configuration = ""
	}
	return taskfilter.Task{Project: t.Project, Target: t.Target, Configuration: configuration}
}

// readRun follows no link, and opens no FIFO, which would block.
func readRun(dir *os.Root) ([]byte, error) {
	if info, err := dir.Lstat(runName); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() || info.Size() > maxRun {
		return nil, errors.New("it is not a file of Nx")
	}
	f, err := dir.Open(runName)
	if err != nil {
		return nil, err
	}
	defer f.Close() // opened for reading: nothing is lost
	return io.ReadAll(io.LimitReader(f, maxRun))
}

// missing returns the IDs of the tasks whose results are in no scope that the run reads.
func (p *probe) missing(ctx context.Context, tasks []lastTask) (missing []string, err error) {
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

// has reports whether a scope that the run reads has an entry for a hash.
func (p *probe) has(ctx context.Context, hash string) (bool, error) {
	for _, scope := range p.policy.Reads() {
		container := p.containers[p.settings.ContainerOf(scope)]
		if exists, err := container.Exists(ctx, cache.Name(p.settings.Prefix, scope, hash)); exists || err != nil {
			return exists, err
		}
	}
	return false, nil
}
