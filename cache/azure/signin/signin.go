// Package signin gets tokens of Microsoft Entra ID for Azure Storage, from
// whatever identity a run has.
//
// It covers what azidentity's DefaultAzureCredential covers, and the identities
// of CI jobs. Unlike there a source that is not set up, or whose service answers
// nonsense, never ends or stalls the search for one that is: the chain of
// azidentity v1.15.0 ends at a 401 from the metadata address, and after 96 s at
// a 404, before the Azure CLI is tried (measured; azure-sdk-for-go#25090).
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
)

// The names of sources, in the order in which they are asked.
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
	// Default is azidentity's own chain, for who relies on AZURE_TOKEN_CREDENTIALS. A
	// tool that hangs there outlives the process: see [toolCredential].
	Default = "default"
	// Anonymous is nobody, who may read what is public.
	Anonymous = "anonymous"
)

// Names returns all that name a source of this package.
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
	// Cloud is where the identities are; zero stands for the public cloud.
	Cloud Cloud
	// Client sends the requests. Its Cloud is set here.
	Client azcore.ClientOptions
	// Machine answers whether this may be a machine of Azure; nil looks.
	Machine func() Likelihood
}

// New returns the tokens of an identity. It sends nothing. The error says which
// option is wrong.
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
			return nil, errors.New(oneLine(err.Error()))
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
	// Who names the source knows that it is there.
	options.Machine = func() Likelihood { return Yes }
	return newTokens(&chain{name: options.Source, options: options, sources: sources[i : i+1]}), nil
}

// Of returns the tokens of a credential that is not one of [Names].
func Of(name string, credential azcore.TokenCredential) *Tokens {
	return newTokens(&chain{name: name, sources: []source{{
		name: name, limit: totalLimit,
		open: func(*Options) (azcore.TokenCredential, error) { return credential, nil },
	}}})
}

// Outcome is what came of asking a source.
type Outcome string

// The outcomes.
const (
	Used     Outcome = "used"
	NotSetUp Outcome = "not set up"
	Failed   Outcome = "failed"
)

// Step is what came of asking a source.
type Step struct {
	Source  string
	Outcome Outcome
	Took    time.Duration
	// Detail is why not, on one line and without secrets; or who it is.
	Detail string
	// Partly is set where something of a source is set up, and not all.
	Partly bool
}

// WithAdvice is Detail, with what mends it where that is known.
func (s Step) WithAdvice() string {
	if mends := advice[codes.FindString(s.Detail)]; mends != "" {
		return s.Detail + " (" + mends + ")"
	}
	return s.Detail
}

// Report is what is known of a sign-in.
type Report struct {
	Source    string        // that gave the token; "": none did
	Principal string        // such as "anna@example.com", as far as the token tells
	Took      time.Duration // from the first step to the token
	Steps     []Step        // in the order in which they were made
}

// Error is a sign-in that failed. It has no Unwrap on purpose: an answer of the
// sign-in service says nothing about the storage.
type Error struct {
	// Named is the source that was asked for by name, or "".
	Named string
	Steps []Step
}

// NoneSetUp reports whether no source is set up, so that requests can only be anonymous.
func (e *Error) NoneSetUp() bool {
	return !slices.ContainsFunc(e.Steps, func(s Step) bool { return s.Outcome == Failed })
}

// Error tells what failed, with what mends it; then what is set up in part. The
// sources that are not set up at all are only named.
func (e *Error) Error() string {
	var parts, absent []string
	for _, s := range e.Steps {
		switch {
		case s.Outcome == Failed:
			parts = append(parts, s.Source+" failed: "+s.WithAdvice())
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
