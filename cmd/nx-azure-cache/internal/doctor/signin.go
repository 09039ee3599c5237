package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// slowSignIn is how long a sign-in should take at most, because Nx waits for it.
const slowSignIn = 5 * time.Second

// signInReport is the JSON of the sign-in.
type signInReport struct {
	Source    string       `json:"source"`
	Principal string       `json:"principal,omitempty"`
	Seconds   float64      `json:"seconds"`
	Steps     []signInStep `json:"steps"`
}

type signInStep struct {
	Source  string         `json:"source"`
	Outcome signin.Outcome `json:"outcome"`
	Seconds float64        `json:"seconds"`
	Detail  string         `json:"detail,omitempty"`
}

const signInFix = "sign in: az login on your machine, in CI as " + docs + "setup.md#8-ci says; azure.credential in nx.json, or " + config.CredentialVariable + ", selects a credential"

// examineSignIn signs in, and reports what each credential did.
func examineSignIn(ctx context.Context, e *examination, r *Report) {
	const id, what = "sign-in", "sign-in"
	if e.probe == nil {
		r.skip(partSignIn, e.skipReason)
		return
	}
	p := e.probe
	if p.identity.Kind != identityEntra {
		r.add(partSignIn, id, what, statusOK, "not needed: "+p.identity.Description, "")
		return
	}
	examineHost(p, r)
	report, err := p.anyContainer().SignIn(ctx)
	r.SignIn = reportOf(report)
	for _, step := range report.Steps {
		r.addStep(step, report.Source)
	}
	refused, isRefused := errors.AsType[*signin.Error](err)
	switch {
	case err == nil && report.Took > slowSignIn:
		r.add(partSignIn, id, what, statusWarning, signedIn(report), fmt.Sprintf("select it, so that no other credential is tried: azure.credential in nx.json, or %s=%s", config.CredentialVariable, report.Source))
	case err == nil:
		r.add(partSignIn, id, what, statusOK, signedIn(report), "")
	case isRefused && refused.NoneSetUp() && e.isPublic(ctx):
		e.isAnonymous = true
		r.add(partSignIn, id, what, statusWarning, "not signed in: public entries are read, and nothing is stored", anonymousFix(refused.Named))
	default:
		r.add(partSignIn, id, what, statusFailed, "not signed in: "+err.Error(), explained(signInFix, err, docs+"sign-in.md"))
		e.skipRest("not tried: not signed in")
	}
}

// examineHost reports which host receives the token of this run, and why it may.
func examineHost(p *probe, r *Report) {
	if host, trust := p.anyContainer().TokenHost(); trust != "" {
		r.add(partSignIn, "token-host", "token host", statusOK, fmt.Sprintf("%s, %s", host, trust), "")
	}
}

func signedIn(report signin.Report) string {
	return fmt.Sprintf("%s, in %s", config.SignedInAs(report), terminal.Duration(report.Took))
}

// anonymousFix is the fix for anonymous reading, which azure.credential may ask for.
func anonymousFix(named string) string {
	if named == signin.Anonymous {
		return "nothing, if this run should only read; to store results, remove the credential anonymous (azure.credential in nx.json, or " + config.CredentialVariable + ") and sign in"
	}
	return signInFix
}

// isPublic reports whether this run may read without signing in.
func (e *examination) isPublic(ctx context.Context) bool {
	for _, a := range e.probe.targets {
		if e.probe.read(ctx, a).verdict == granted {
			return true
		}
	}
	return false
}

// addStep adds the row of one credential.
func (r *Report) addStep(step signin.Step, used string) {
	found, seen, fix := statusNone, string(step.Outcome), step.Fix()
	switch {
	case step.Outcome == signin.Used:
		found = statusOK
	case step.Outcome == signin.Failed && used != "", step.Partly:
		found = statusWarning
		if fix == "" {
			fix = stepFix(step, used)
		}
	case step.Outcome == signin.Failed:
		found = statusFailed
		if fix == "" {
			fix = signInFix
		}
	}
	if step.Took >= time.Millisecond {
		seen += ", in " + terminal.Duration(step.Took)
	}
	if step.Detail != "" {
		seen += ": " + step.Detail
	}
	r.add(partSignIn, "sign-in."+step.Source, step.Source, found, seen, fix)
}

// stepFix is the fix for a credential that does not work beside one that does, or that is
// set up in part.
func stepFix(step signin.Step, used string) string {
	if step.Partly {
		return fmt.Sprintf("set what %s needs, or unset the rest of it; %s", step.Source, docs+"sign-in.md#credentials")
	}
	return fmt.Sprintf("repair %s, or select the credential that works: azure.credential in nx.json, or %s=%s", step.Source, config.CredentialVariable, used)
}

func reportOf(report signin.Report) *signInReport {
	result := &signInReport{Source: report.Source, Principal: report.Principal, Seconds: report.Took.Seconds(), Steps: []signInStep{}}
	for _, step := range report.Steps {
		result.Steps = append(result.Steps, signInStep{step.Source, step.Outcome, step.Took.Seconds(), printable.Line(step.WithFix())})
	}
	return result
}
