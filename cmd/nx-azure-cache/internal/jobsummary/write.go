package jobsummary

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// Options say which summaries a run writes.
type Options struct {
	// Getenv is the environment that the process was started with. A .env file of the
	// checkout must not choose which file is written.
	Getenv func(string) string
	// JobSummary is whether the run adds to its job's summary: azure.jobSummary, in CI.
	JobSummary bool
	// File is NX_AZURE_CACHE_SUMMARY_FILE; "" for none. It is relative to the workspace.
	File      string
	Workspace string
	// IsStored reports whether others can read the record.
	IsStored bool
	// Causes finds out why tasks were misses; nil if no one knows. It is called only if the
	// run has misses that a summary shows.
	Causes func(ctx context.Context, tasks []string) Causes
}

// A summary without causes is better than a run that ends later: after maxSearch, the search
// for causes returns what it has found, and after maxCauses no one waits for it.
const (
	maxSearch = 2500 * time.Millisecond
	maxCauses = 3 * time.Second
)

// Write writes the summaries of a finished run. Only the log says that the job has no place
// for its summary.
func Write(ctx context.Context, r *runs.Record, o Options) error {
	var errs []error
	if o.File != "" {
		errs = append(errs, o.writeTotals(r))
	}
	if write := o.writerOfJob(); write != nil {
		err := write(ctx, r)
		if errors.As(err, new(noPlaceError)) {
			zerolog.Ctx(ctx).Debug().Err(err).Msg("no job summary")
			err = nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// noPlaceError is an error about the place that the CI names for a summary, as in a container
// that does not see it. No one asked for the summary, and each run of the job would report it.
type noPlaceError struct{ error }

func (e noPlaceError) Unwrap() error { return e.error }

// unlessMissing makes an error about a missing file or folder a noPlaceError.
func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return noPlaceError{err}
	}
	return err
}

// IsWanted reports whether there is anything to write.
func (o *Options) IsWanted() bool { return o.File != "" || o.writerOfJob() != nil }

// writerOfJob returns what writes the summary of the job; nil if there is no place for it.
func (o *Options) writerOfJob() func(context.Context, *runs.Record) error {
	switch {
	case !o.JobSummary || isTask(o.Getenv):
	case o.is("GITHUB_ACTIONS"):
		if o.Getenv(gitHubVariable) != "" {
			return o.writeGitHub
		}
	case o.is("TF_BUILD"):
		if o.Getenv(azureVariable) != "" {
			return o.writeAzurePipelines
		}
	case o.is("GITLAB_CI"):
		return o.writeGitLab
	}
	return nil
}

// taskVariables are variables for tasks. Nx sets at least one.
// npm/nx-azure-cache/lib/notices.js has the same list.
var taskVariables = []string{"NX_TASK_HASH", "NX_TASK_TARGET_PROJECT", "NX_FORKED_TASK_EXECUTOR", "NX_INVOCATION_ROOT_PID", "NX_INVOCATION_ANCESTOR_PIDS"}

// isTask reports whether a task of another run has started the run. That one has a summary
// of its own.
func isTask(getenv func(string) string) bool {
	for _, variable := range taskVariables {
		if getenv(variable) != "" {
			return true
		}
	}
	return false
}

// writeTotals appends the totals. It does not replace them: a job often runs Nx several
// times, sometimes at once, and each run would erase what the one before has written.
func (o *Options) writeTotals(r *runs.Record) error {
	line, err := totalsOf(r)
	if err == nil {
		path := o.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(o.Workspace, path)
		}
		err = appendFile(o.Workspace, path, appending{text: line, mayMake: true})
	}
	return about(config.SummaryFileVariable, err)
}

func (o *Options) is(variable string) bool { return strings.EqualFold(o.Getenv(variable), "true") }

// The variables that say where summaries go.
const (
	gitHubVariable = "GITHUB_STEP_SUMMARY"
	azureVariable  = "AGENT_TEMPDIRECTORY"
)

// maxStep is how large the summary of a step may be: GitHub shows nothing of a larger one.
const maxStep = 1 << 20

// writeGitHub appends to the file that the runner has made. The runs of a step share it.
func (o *Options) writeGitHub(ctx context.Context, r *runs.Record) error {
	text := o.markdown(ctx, r)
	if text == "" {
		return nil
	}
	more := appending{text: []byte(text), separator: "\n\n", max: maxStep}
	return about(gitHubVariable, unlessMissing(appendFile(o.Workspace, o.Getenv(gitHubVariable), more)))
}

// writeAzurePipelines writes a file that the npm package tells the agent to upload:
// lib/job-summary.js.
func (o *Options) writeAzurePipelines(ctx context.Context, r *runs.Record) error {
	text := o.markdown(ctx, r)
	if text == "" {
		return nil
	}
	err := createFile(o.Getenv(azureVariable), azurePipelinesFile(r.Session), []byte(text))
	return about(azureVariable, unlessMissing(err))
}

// writeGitLab adds the run to the metrics of its job.
func (o *Options) writeGitLab(ctx context.Context, r *runs.Record) error {
	return about("the metrics report", writeMetrics(ctx, o.Workspace, o.Getenv("CI_JOB_ID"), &r.Totals))
}

// azurePipelinesFile is the name of the summary of a session in AGENT_TEMPDIRECTORY.
func azurePipelinesFile(session string) string { return "nx-azure-cache-" + session + ".md" }

func (o *Options) markdown(ctx context.Context, r *runs.Record) string {
	known := Known{IsStored: o.IsStored}
	if tasks := unexplained(r); o.Causes != nil && len(tasks) > 0 {
		known.Causes = o.search(ctx, tasks)
	}
	return Markdown(r, known)
}

// search returns the causes that are found in time.
func (o *Options) search(ctx context.Context, tasks []string) Causes {
	limit, cancel := context.WithTimeout(ctx, maxCauses)
	defer cancel()
	found := make(chan Causes, 1)
	go func() {
		ctx, cancel := context.WithTimeout(ctx, maxSearch)
		defer cancel()
		found <- o.causes(ctx, tasks)
	}()
	select {
	case causes := <-found:
		return causes
	case <-limit.Done():
		return nil
	}
}

// causes returns no causes if the search panics. Foreign records must not end the process,
// which may be storing results.
func (o *Options) causes(ctx context.Context, tasks []string) (found Causes) {
	defer func() {
		if p := recover(); p != nil {
			zerolog.Ctx(ctx).Error().Interface("panic", p).Bytes("stack", debug.Stack()).Msg("the search for causes panicked")
		}
	}()
	return o.Causes(ctx, tasks)
}

// about names what an error is about.
func about(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", what, err)
}
