package doctor

import (
	"context"
	"fmt"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
)

// examineConfig shows what is wrong with nx.json and the variables, and what they
// make of this run.
func examineConfig(_ context.Context, p *examination, r *Report) {
	if p.Document.Problem != "" {
		r.add(partConfig, "nx-json", "nx.json", statusFailed, p.Document.Problem, "correct nx.json")
	}
	for _, mistake := range joined(p.Problem) {
		if mistake.Error() == p.Document.Problem {
			continue // it has a row
		}
		r.add(partConfig, "setting", "settings", statusFailed, mistake.Error(), "correct it; docs/configuration.md")
	}
	for _, text := range p.Warnings {
		r.add(partConfig, "setting", "settings", statusWarning, text, "")
	}
	p.examineClaims(r)
	if p.probe == nil {
		return
	}
	r.Run, r.Identity, r.Containers, r.Canary = p.probe.runReport(), &p.probe.identity, p.probe.containerReports(), p.probe.canary
	for _, c := range r.Containers {
		r.add(partConfig, "container", "container", statusOK, fmt.Sprintf("%s (%s)", c.URL, strings.Join(c.Scopes, ", ")), "")
	}
	p.examineRun(r)
}

// joined returns the errors that errors.Join has joined. It does not look for line
// ends: a value may have one.
func joined(err error) []error {
	switch all := err.(type) {
	case nil:
		return nil
	case interface{ Unwrap() []error }:
		return all.Unwrap()
	default:
		return []error{err}
	}
}

// examineClaims shows which variables of .env files do not count; never their values.
func (p *examination) examineClaims(r *Report) {
	const id, what = "dotenv", ".env files"
	var blamed []config.Claim
	if p.probe != nil {
		blamed = p.probe.role.Blamed // has a row of its own
	}
	for _, line := range p.Settings.Claims.Warnings(p.Settings.Mode, blamed) {
		r.add(partConfig, id, what, statusWarning, line, "")
	}
	if others := p.Settings.Claims.Explaining(); len(others) > 0 {
		r.add(partConfig, id, what, statusOK, config.IgnoredClaims(others)+"; the cache does without", "")
	}
}

// examineRun shows what this run may do, and why.
func (p *examination) examineRun(r *Report) {
	role := p.probe.role
	r.add(partConfig, "scope", "scope of this run", statusOK, fmt.Sprintf("%s (%s)", role.Scope, role.Reason), "")
	mode, place := p.Settings.Mode, p.modePlace()
	switch {
	case mode == cache.NoCache:
		r.add(partConfig, "mode", "mode of this run", statusWarning, fmt.Sprintf("%s, by %s: this run has no remote cache", mode, place), "remove it to have one")
	case role.Mode == mode:
		r.add(partConfig, "mode", "mode of this run", statusOK, fmt.Sprintf("%s, by %s", mode, place), "")
	default:
		r.add(partConfig, "mode", "mode of this run", statusWarning, fmt.Sprintf("%s, though %s says %s", role.Mode, place, mode), "see the next lines")
	}
	for _, text := range role.Warnings {
		r.add(partConfig, "run", "this run", statusWarning, text, "")
	}
}

// modePlace is the key or variable that has set the mode.
func (p *examination) modePlace() string {
	key := "localMode"
	if p.Document.CI {
		key = "ciMode"
	}
	_, isSet := p.Document.Keys()[key]
	switch {
	case strings.TrimSpace(p.Getenv(config.ModeVariable)) != "":
		return config.ModeVariable
	case isSet:
		return config.InKey(key)
	default:
		return "default"
	}
}
