package main

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/claims"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/config"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/history"
	"github.com/nx-azure-cache/nx-azure-cache/cmd/nx-azure-cache/internal/taskfilter"
	"github.com/nx-azure-cache/nx-azure-cache/license"
	"github.com/nx-azure-cache/nx-azure-cache/rpc"
)

// openSession finds out whether a run has a cache, and opens it. If something is missing
// or invalid, that is the reason of the session. It sends nothing over the network.
func openSession(params rpc.InitializeParams, getenv func(string) string, now time.Time) rpc.Session {
	found, given := claims.New(fromWire(params.Claims)), getenv
	getenv = found.Over(getenv)
	block, ignored := config.WithoutExtended(params.Config, params.Extended)
	settings, warnings, problem := config.ReadSettings(block, params.CI, getenv)
	warnings = append(ignored, append(warnings, settings.SetClaims(found, given)...)...)
	session := rpc.Session{Mode: settings.Mode, Warnings: warnings}
	if settings.Mode == cache.NoCache {
		session.Warnings = nil // they only matter to a cache in use
		session.Reason = "the mode is no-cache"
		return session
	}
	if !params.CI {
		settings.Verify = 0
	}
	choice, err := checkLicense(&session, params, getenv, now)
	var blamed []claims.Claim
	if err == nil && problem == nil {
		policy := settings.RunPolicy(params.CI, config.ReadDefaultBase(params.DefaultBase, params.Extended), getenv)
		problem, blamed = openCache(&session, settings, policy, start{params, given, directoryRule(params, getenv)}), policy.Blamed
	}
	session.Warnings = append(session.Warnings, found.Warnings(settings.Mode, blamed)...)
	if err := errors.Join(err, problem); err != nil {
		session.Reason = printable.Line(err.Error())
		code, _ := diagnostic.CodeOf(err)
		session.Diagnostic = cmp.Or(code, diagnostic.SettingInvalid)
		return session
	}
	if warning, soon := choice.ExpiresSoon(now); soon {
		session.Warnings = append(session.Warnings, diagnostic.Message{Code: diagnostic.LicenseExpiresSoon, Text: warning})
	}
	return session
}

// checkLicense records the license in the session. The error says why there is no valid
// license.
func checkLicense(session *rpc.Session, params rpc.InitializeParams, getenv func(string) string, now time.Time) (license.Choice, error) {
	choice, err := config.ChooseLicense(license.Find(getenv, params.WorkspaceRoot), params.NxVersion, now)
	if err != nil {
		return choice, err
	}
	session.License = rpc.LicenseResult{Status: string(choice.Status), Organization: choice.Organization}
	if !choice.ExpiresAt.IsZero() {
		session.License.ExpiresAt = choice.ExpiresAt.Format(time.RFC3339)
	}
	if choice.Status != license.Valid {
		return choice, diagnostic.With(choice.Diagnostic(), errors.New(choice.Reason))
	}
	return choice, nil
}

// insecureVariable is Nx's variable. It allows directories that other users can change.
const insecureVariable = "NX_ALLOW_INSECURE_DIRECTORIES"

func directoryRule(params rpc.InitializeParams, getenv func(string) string) scratch.Rule {
	return scratch.Rule{Workspace: params.WorkspaceRoot, AllowInsecure: getenv(insecureVariable) == "true"}
}

// start is how the client has started the session.
type start struct {
	rpc.InitializeParams
	// getenv is the environment that the process was started with: no claim counts.
	getenv      func(string) string
	directories scratch.Rule
}

// openCache stacks the layers between a request and Azure. No other place decides their
// order.
func openCache(session *rpc.Session, s config.Settings, r config.RunPolicy, start start) error {
	containers, err := s.OpenContainers(permissions.OfRun(r.Mode == cache.ReadWrite), append(r.Reads(), r.Scope))
	if err != nil {
		return err
	}
	breakers := make(map[*azure.Container]cache.Blobs)
	for _, container := range containers {
		breakers[container] = s.ExplainErrors(cache.NewBreaker(container))
	}
	place := func(scope trust.Scope) cache.Place {
		return cache.Place{Scope: scope, Blobs: breakers[containers[s.ContainerOf(scope)]]}
	}
	options := cache.Options{
		Mode:          r.Mode,
		Prefix:        s.Prefix,
		MaxSize:       s.MaxArtifactSize,
		CacheFailures: s.CacheFailures,
		Directories:   start.directories,
		Writes:        place(r.Scope),
		Verifier:      s.Trust.Verifier,
		Signer:        r.Signer,
		Provenance:    r.Provenance,
		Verify:        s.Verify,
	}
	for _, scope := range r.Reads() {
		options.Reads = append(options.Reads, place(scope))
	}
	options.Provenance.Tool = "nx-azure-cache " + version
	own := containers[s.ContainerOf(r.Scope)]
	session.Cache = cache.New(options)
	session.Mode, session.Scope, session.ScopeReason = r.Mode, string(r.Scope), r.Reason
	session.Warnings = append(session.Warnings, r.Warnings...)
	session.Location = strings.TrimSuffix(own.URL()+"/"+s.Prefix, "/")
	if filter := s.Tasks.Func(); filter != nil {
		session.Includes = func(t rpc.Task) bool { return filter(taskfilter.Task(t)) }
	}
	session.Records = records(s, r, start, options, &history.Reader{
		Prefix:      s.Prefix,
		ContainerOf: func(scope trust.Scope) history.Container { return containers[s.ContainerOf(scope)] },
		Verifier:    s.Trust.Verifier,
	})
	session.Backfill = s.Backfill
	session.Silence = azure.IdleTimeout(s.Limits)
	session.Drain = s.Drain
	session.Warm = func(ctx context.Context) []diagnostic.Message {
		own.Warm(ctx)
		return config.SignInFailures(own.SignInReport())
	}
	return nil
}

// fromWire converts the claims of the wire.
func fromWire(list []rpc.Claim) (all []claims.Claim) {
	for _, c := range list {
		all = append(all, claims.Claim(c))
	}
	return all
}
