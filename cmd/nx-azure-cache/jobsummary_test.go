package main

import (
	"strings"
	"testing"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/runs"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/jobsummary"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/testenv"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// In CI, a run waits for its record if that is stored, and for its summaries. So
// does one that verifies hits. No other run waits.
func TestWhoWaits(t *testing.T) {
	const (
		ci, no     = true, false
		readWrite  = cache.ReadWrite
		recordsCI  = config.RecordsInCI
		recordsAll = config.RecordsAll
		none       = config.RecordsNone
	)
	for _, test := range []struct {
		ci         bool
		mode       cache.Mode
		records    config.Records
		jobSummary bool
		file       string
		want       bool
	}{
		{ci, readWrite, recordsCI, no, "", true},
		{ci, readWrite, none, no, "", false},
		{ci, readWrite, none, true, "", true},
		{ci, readWrite, none, no, "totals", true},
		{ci, cache.ReadOnly, recordsAll, no, "", false},
		{ci, cache.ReadOnly, recordsAll, true, "", true},
		{no, readWrite, recordsAll, no, "totals", false},
	} {
		settings := config.Settings{Records: test.records, JobSummary: test.jobSummary, SummaryFile: test.file}
		env := testenv.Env{"GITLAB_CI": "true"}
		start := start{InitializeParams: rpc.InitializeParams{CI: test.ci}, getenv: env.Get}
		options := cache.Options{Writes: cache.Place{Blobs: new(cachetest.Memory)}}
		got := records(settings, config.RunPolicy{Mode: test.mode}, start, options, nil)
		if got.IsAwaited != test.want {
			t.Errorf("%+v: IsAwaited is %v", test, got.IsAwaited)
		}
	}
	for _, test := range []struct {
		scope trust.Scope
		mode  cache.Mode
		want  bool
	}{{trust.Trusted, readWrite, true}, {trust.PullRequest("1"), readWrite, false}, {trust.Trusted, cache.ReadOnly, false}} {
		start := start{InitializeParams: rpc.InitializeParams{CI: true}, getenv: testenv.Env{}.Get}
		policy := config.RunPolicy{Mode: test.mode, Run: trust.Run{Scope: test.scope}}
		options := cache.Options{Verify: 1, Mode: test.mode, Writes: cache.Place{Blobs: new(cachetest.Memory), Scope: test.scope}}
		if got := records(config.Settings{Records: none}, policy, start, options, nil); got.IsAwaited != test.want {
			t.Errorf("azure.verify: %+v: IsAwaited is %v", test, got.IsAwaited)
		}
	}
}

// A summary that cannot be written is one line that says what it is about.
func TestSummaryFails(t *testing.T) {
	env := testenv.Env{"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": t.TempDir()}
	write := summarize(jobsummary.Options{Getenv: env.Get, JobSummary: true, Workspace: t.TempDir()}, nil)
	err := write(t.Context(), &runs.Record{CI: true, Totals: runs.Totals{LocalHits: 1}})
	if err == nil || !strings.HasPrefix(err.Error(), "the summary of this run is not written: GITHUB_STEP_SUMMARY: ") {
		t.Errorf("got %v", err)
	}
}
