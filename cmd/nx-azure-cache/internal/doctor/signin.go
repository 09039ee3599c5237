package doctor

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/doctor/report"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/terminal"
)

// slowSignIn is how long a sign-in should take at most, because Nx waits for it.
const slowSignIn = 5 * time.Second

const signInFix = "sign in: az login on your machine, in CI as " + docs + "setup.md#8-ci says; azure.credential in nx.json, or " + config.CredentialVariable + ", selects a credential"

// examineSignIn signs in, and reports what each credential did.
func examineSignIn(ctx context.Context, e *examination, r *report.Report) {
	const id, what = "sign-in", "sign-in"
	if e.probe == nil {
		r.Skip(report.SignIn, e.skipReason)
		return
	}
	p := e.probe
	if p.identity.Kind != identityEntra {
		r.Add(report.SignIn, id, what, report.OK, "not needed: "+p.identity.Description, "")
		return
	}
	examineHost(p, r)
	signed, err := p.anyContainer().SignIn(ctx)
	r.SignIn = signInResult(signed)
	for _, step := range signed.Steps {
		addStep(r, step, signed.Source)
	}
	refused, isRefused := errors.AsType[*signin.Error](err)
	switch {
	case err == nil && signed.Took > slowSignIn:
		r.Add(report.SignIn, id, what, report.Warning, signedIn(signed), fmt.Sprintf("select it, so that no other credential is tried: azure.credential in nx.json, or %s=%s", config.CredentialVariable, signed.Source))
	case err == nil:
		r.Add(report.SignIn, id, what, report.OK, signedIn(signed), "")
	case isRefused && refused.NoneSetUp() && e.isPublic(ctx):
		e.isAnonymous = true
		r.Add(report.SignIn, id, what, report.Warning, "not signed in: public entries are read, and nothing is stored", anonymousFix(refused.Named))
	default:
		r.Add(report.SignIn, id, what, report.Failed, "not signed in: "+err.Error(), explained(signInFix, err, docs+"sign-in.md"))
		e.skipRest("not tried: not signed in")
	}
}

// examineHost reports which host receives the token of this run, and why it may.
func examineHost(p *probe, r *report.Report) {
	if host, trust := p.anyContainer().TokenHost(); trust != "" {
		r.Add(report.SignIn, "token-host", "token host", report.OK, fmt.Sprintf("%s, %s", host, trust), "")
	}
}

func signedIn(signed signin.Report) string {
	return fmt.Sprintf("%s, in %s", config.SignedInAs(signed), terminal.Duration(signed.Took))
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
func addStep(r *report.Report, step signin.Step, used string) {
	found, seen, fix := report.None, string(step.Outcome), step.Fix()
	switch {
	case step.Outcome == signin.Used:
		found = report.OK
	case step.Outcome == signin.Failed && used != "", step.Partly:
		found = report.Warning
		if fix == "" {
			fix = stepFix(step, used)
		}
	case step.Outcome == signin.Failed:
		found = report.Failed
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
	r.Add(report.SignIn, "sign-in."+step.Source, step.Source, found, seen, fix)
}

// stepFix is the fix for a credential that does not work beside one that does, or that is
// set up in part.
func stepFix(step signin.Step, used string) string {
	if step.Partly {
		return fmt.Sprintf("set what %s needs, or unset the rest of it; %s", step.Source, docs+"sign-in.md#credentials")
	}
	return fmt.Sprintf("repair %s, or select the credential that works: azure.credential in nx.json, or %s=%s", step.Source, config.CredentialVariable, used)
}

func signInResult(signed signin.Report) *report.SignInResult {
	result := &report.SignInResult{Source: signed.Source, Principal: signed.Principal, Seconds: signed.Took.Seconds(), Steps: []report.SignInStep{}}
	for _, step := range signed.Steps {
		result.Steps = append(result.Steps, report.SignInStep{
			Source: step.Source, Outcome: string(step.Outcome), Seconds: step.Took.Seconds(), Detail: printable.Line(step.WithFix()),
		})
	}
	return result
}
