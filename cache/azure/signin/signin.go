// Package signin gets tokens of Microsoft Entra ID for Azure Storage, with any identity
// that a run has.
//
// It covers the sources of azidentity's DefaultAzureCredential, and the identities of CI
// jobs. But a source that is not set up, or whose service responds with nonsense, never
// ends or stalls the search: the chain of azidentity v1.15.0 stops at a 401 from the
// metadata address, and after 96 s at a 404, before it tries the Azure CLI (measured;
// azure-sdk-for-go#25090).
//
// It must not know containers or blobs.
package signin

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// The names of sources, in the order in which they are tried.
const (
	Environment       = "environment"
	WorkloadIdentity  = "workload-identity"
	GitHubActions     = "github-actions"
	AzurePipelines    = "azure-pipelines"
	ManagedIdentity   = "managed-identity"
	AzureCLI          = "azure-cli"
	AzureDeveloperCLI = "azure-developer-cli"
	AzurePowerShell   = "azure-powershell"
)

// The other values that name a source.
const (
	// Default is azidentity's own chain, for users of AZURE_TOKEN_CREDENTIALS. A tool that
	// hangs there outlives the process: see [toolCredential].
	Default = "default"
	// Anonymous is no credential: only public containers can be read.
	Anonymous = "anonymous"
)

// Names returns all names of sources.
func Names() []string {
	var names []string
	for _, s := range sources {
		names = append(names, s.name)
	}
	return append(names, Default, Anonymous)
}

// Options say how to sign in.
type Options struct {
	// Source is one of [Names], or "" for the first that works.
	Source string
	// Cloud is where the identities are; zero is the public cloud.
	Cloud Cloud
	// Client sends the requests. Its Cloud is set here.
	Client azcore.ClientOptions
	// Machine reports whether this may be a machine of Azure; nil examines this machine.
	Machine func() Likelihood
}

// New returns the tokens of an identity and sends nothing. The error names the option
// that is wrong.
func New(options Options) (*Tokens, error) {
	options.Client.Cloud = options.Cloud.configuration(os.Getenv)
	if options.Machine == nil {
		options.Machine = detectMachine
	}
	switch options.Source {
	case Default:
		credential, err := azidentity.NewDefaultAzureCredential(&azidentity.DefaultAzureCredentialOptions{
			ClientOptions:            options.Client,
			DisableInstanceDiscovery: ownAuthority(os.Getenv),
		})
		if err != nil {
			return nil, errors.New(summarize(err.Error()))
		}
		return newTokens(&chain{name: Default, sources: []source{{
			name: Default, limit: totalLimit,
			open: func(*Options) (azcore.TokenCredential, error) { return credential, nil },
		}}}), nil
	case Anonymous:
		return newTokens(&chain{name: Anonymous}), nil
	case "":
		return newTokens(&chain{options: options, sources: inOrder(options.Machine())}), nil
	}
	i := slices.IndexFunc(sources, func(s source) bool { return s.name == options.Source })
	if i < 0 {
		return nil, fmt.Errorf("unknown credential %q; allowed are %s", options.Source, strings.Join(Names(), ", "))
	}
	// A user who names the source knows that it exists.
	options.Machine = func() Likelihood { return Yes }
	return newTokens(&chain{name: options.Source, options: options, sources: sources[i : i+1]}), nil
}

// Of returns the tokens of a credential that is not among [Names].
func Of(name string, credential azcore.TokenCredential) *Tokens {
	return newTokens(&chain{name: name, sources: []source{{
		name: name, limit: totalLimit,
		open: func(*Options) (azcore.TokenCredential, error) { return credential, nil },
	}}})
}

// Outcome is the result of trying a source.
type Outcome string

// The outcomes.
const (
	Used     Outcome = "used"
	NotSetUp Outcome = "not set up"
	Failed   Outcome = "failed"
)

// Step is the attempt to use one source.
type Step struct {
	Source  string
	Outcome Outcome
	Took    time.Duration
	// Detail is the reason for the outcome, on one line and without secrets; or the
	// principal.
	Detail string
	// Code is that of the detail, of a step that is not used.
	Code diagnostic.Code
	// Partly is set if some settings of the source are set, but not all.
	Partly bool
}

// Fix returns the fix for a failed step; "" if none is known.
func (s Step) Fix() string { return fixes[codes.FindString(s.Detail)].Text }

// WithFix is Detail with its fix, if one is known.
func (s Step) WithFix() string {
	if fix := s.Fix(); fix != "" {
		return s.Detail + " (" + fix + ")"
	}
	return s.Detail
}

// Report is what is known of a sign-in.
type Report struct {
	Source    string        // of the token; "" if there is none
	Principal string        // such as "anna@example.com", as the token says
	Took      time.Duration // from the first step to the token
	Steps     []Step        // in the order of the attempts
}

// Error is a failed sign-in. It has no Unwrap on purpose: a response of the sign-in
// service says nothing about the storage.
type Error struct {
	// Named is the configured source, or "".
	Named string
	Steps []Step
}

// NoneSetUp reports whether no source is set up, so that requests can only be anonymous.
func (e *Error) NoneSetUp() bool {
	return !slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Outcome == Failed })
}

// Diagnostic is the code of the first step that failed.
func (e *Error) Diagnostic() diagnostic.Code {
	for _, s := range e.Steps {
		if s.Outcome == Failed {
			return s.Code
		}
	}
	return diagnostic.NoCredential
}

// Error says which sources failed, with the fix, and then which are set up in part. It
// only names the sources that are not set up at all.
func (e *Error) Error() string {
	var parts, absent []string
	for _, s := range e.Steps {
		switch {
		case s.Outcome == Failed:
			parts = append(parts, s.Source+" failed: "+s.WithFix())
		case s.Partly || e.Named != "":
			parts = append(parts, s.Source+" is not set up: "+s.Detail)
		default:
			absent = append(absent, s.Source)
		}
	}
	if len(absent) > 0 {
		parts = append(parts, "not set up: "+strings.Join(absent, ", "))
	}
	if e.Named == Anonymous {
		parts = append(parts, "azure.credential is anonymous, which can only read public containers")
	}
	return strings.Join(parts, "; ")
}
