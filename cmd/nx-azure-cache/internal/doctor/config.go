package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
)

// examineConfig reports problems of nx.json and the variables, and what they mean for this
// run.
func examineConfig(_ context.Context, e *examination, r *report.Report) {
	if e.Document.Problem != "" {
		r.Add(report.Config, "nx-json", "nx.json", report.Failed, e.Document.Problem, "correct nx.json")
	}
	for _, mistake := range splitJoined(e.Problem) {
		if mistake.Error() == e.Document.Problem {
			continue // it has a row
		}
		r.Add(report.Config, "setting", "settings", report.Failed, mistake.Error(), explained(settingFix, mistake, docs+"configuration.md"))
	}
	for _, warning := range e.Warnings {
		r.Add(report.Config, "setting", "settings", report.Warning, warning.Text, explainedLine(settingFix, warning))
	}
	e.examineClaims(r)
	if e.probe == nil {
		return
	}
	r.Run, r.Identity, r.Containers, r.Canary = e.probe.run(), &e.probe.identity, e.probe.containersUsed(), e.probe.canary
	for _, c := range r.Containers {
		r.Add(report.Config, "container", "container", report.OK, fmt.Sprintf("%s (%s)", c.URL, strings.Join(c.Scopes, ", ")), "")
	}
	e.examineRun(r)
}

// splitJoined returns the errors that errors.Join has joined. It does not split at line
// ends, because a value may contain one.
func splitJoined(err error) []error {
	switch all := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return all.Unwrap()
	default:
		return []error{err}
	}
}

// examineClaims reports which variables of .env files are ignored, but never their values.
func (e *examination) examineClaims(r *report.Report) {
	const id, what = "dotenv", ".env files"
	var blamed []claims.Claim
	if e.probe != nil {
		blamed = e.probe.policy.Blamed // they have a row of their own
	}
	for _, line := range e.Settings.Claims.Warnings(e.Settings.Mode, blamed) {
		r.Add(report.Config, id, what, report.Warning, line.Text, explainedLine(claimFix, line))
	}
	if others := e.Settings.Claims.Explaining(); len(others) > 0 {
		r.Add(report.Config, id, what, report.OK, claims.Ignored(others)+"; the cache works without", "")
	}
}

// examineRun reports what this run may do, and why.
func (e *examination) examineRun(r *report.Report) {
	policy := e.probe.policy
	r.Add(report.Config, "scope", "scope of this run", report.OK, fmt.Sprintf("%s (%s)", policy.Scope, policy.Reason), "")
	mode, place := e.Settings.Mode, e.modePlace()
	switch {
	case mode == cache.NoCache:
		r.Add(report.Config, "mode", "mode of this run", report.Warning, fmt.Sprintf("%s, set by %s: this run has no remote cache", mode, place), fmt.Sprintf("remove %s, or set it to read-write", place))
	case policy.Mode == mode:
		r.Add(report.Config, "mode", "mode of this run", report.OK, fmt.Sprintf("%s, set by %s", mode, place), "")
	default:
		r.Add(report.Config, "mode", "mode of this run", report.Warning, fmt.Sprintf("%s, although %s says %s", policy.Mode, place, mode), policyFix)
	}
	for _, warning := range policy.Warnings {
		r.Add(report.Config, "run", "this run", report.Warning, warning.Text, explainedLine(policyFix, warning))
	}
}

// modePlace returns the key or variable that sets the mode.
func (e *examination) modePlace() string {
	key := "localMode"
	if e.Document.CI {
		key = "ciMode"
	}
	_, isSet := e.Document.Keys()[key]
	switch {
	case strings.TrimSpace(e.Getenv(config.ModeVariable)) != "":
		return config.ModeVariable
	case isSet:
		return config.InKey(key)
	default:
		return "default"
	}
}
