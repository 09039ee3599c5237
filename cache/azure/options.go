package azure

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// Options say where a container is and how to sign in. The container's name
// is required, and one of ConnectionString, SASURL, AccountName and Endpoint. The
// first of them that is set counts.
type Options struct {
	Container string

	// ConnectionString, when set, decides account, endpoint and credential.
	ConnectionString endpoint.Secret
	// ConnectionVariable is the variable that holds it, for errors; "" is
	// AZURE_STORAGE_CONNECTION_STRING.
	ConnectionVariable string

	// SASURL, when set, decides account and credential, see [endpoint.ParseSASURL].
	SASURL endpoint.Secret

	AccountName string
	// Endpoint is the whole blob endpoint, such as
	// https://ACCOUNT.blob.core.usgovcloudapi.net; without it, the one of
	// AccountName in Cloud.
	Endpoint string
	// Cloud is a name of [signin.CloudNames]; "" stands for that of Endpoint.
	Cloud string
	// SignIn is a name of [signin.Names]; "" stands for the first source that works.
	SignIn string
	// Credential, when set, takes the place of SignIn.
	Credential azcore.TokenCredential
	// TrustedHosts are the hosts outside Azure that may get tokens. An endpoint is no
	// consent: it may come from a checkout.
	TrustedHosts endpoint.TrustedHosts

	// Limits of the requests; zero stands for [transport.DefaultLimits].
	Limits transport.Limits
	// Ranges of the downloads; zero stands for [download.DefaultRanges].
	Ranges download.Ranges
	// Environment is the way to the servers, and Transport who sends the requests;
	// nil stands for that of [transport.New].
	Environment transport.Environment
	Transport   policy.Transporter

	tokens *signin.Tokens // of another container of the account
}

// account returns the blob endpoint and the cloud that it is in.
func (o Options) account() (at endpoint.URL, in signin.Cloud, err error) {
	if in, err = signin.ParseCloud(o.Cloud); err != nil {
		return at, in, fmt.Errorf("cloud: %w", err)
	}
	if o.Endpoint == "" {
		if err := endpoint.CheckAccountName(o.AccountName); err != nil {
			return at, in, fmt.Errorf("accountName: %w", err)
		}
		at, _ = endpoint.Parse(in.Endpoint(o.AccountName))
		return at, in, nil
	}
	if err := endpoint.Check(o.Endpoint); err != nil {
		return at, in, fmt.Errorf("endpoint: %w", err)
	}
	at, _ = endpoint.Parse(o.Endpoint)
	if o.Cloud == "" {
		in = signin.CloudOf(at.String())
	}
	return at, in, nil
}

// sendsTokens reports whether requests may carry the token of a sign-in.
func (o Options) sendsTokens() bool { return o.Credential != nil || o.SignIn != signin.Anonymous }

// tokensFor returns who signs in.
func (o Options) tokensFor(in signin.Cloud, client azcore.ClientOptions) (*signin.Tokens, error) {
	switch {
	case o.tokens != nil:
		return o.tokens, nil
	case o.Credential != nil:
		return signin.Of("credential", o.Credential), nil
	default:
		return signin.New(signin.Options{Source: o.SignIn, Cloud: in, Client: client})
	}
}
