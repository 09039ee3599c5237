package azure

import (
	"fmt"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/download"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/permissions"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// Options say where a container is and how to sign in. Container is required, and one of
// ConnectionString, SASURL, AccountName and Endpoint. The first of these that is set
// counts.
type Options struct {
	Container string
	// Use is what the container is for. Errors name the permissions that it needs.
	Use permissions.Use

	// ConnectionString, if set, decides the account, the endpoint and the credential.
	ConnectionString endpoint.Secret
	// ConnectionVariable is the variable that holds it, for errors; the default is
	// AZURE_STORAGE_CONNECTION_STRING.
	ConnectionVariable string

	// SASURL, if set, decides the account and the credential, see [endpoint.ParseSASURL].
	SASURL endpoint.Secret

	AccountName string
	// Endpoint is the whole blob endpoint, such as
	// https://ACCOUNT.blob.core.usgovcloudapi.net. The default is the endpoint of
	// AccountName in Cloud.
	Endpoint string
	// Cloud is one of [signin.CloudNames]; the default is the cloud of Endpoint.
	Cloud string
	// SignIn is one of [signin.Names]; the default is the first source that works.
	SignIn string
	// Credential, if set, is used instead of SignIn.
	Credential azcore.TokenCredential
	// TrustedHosts are the hosts outside Azure that may receive tokens. Endpoint is not
	// consent: it may come from a checkout.
	TrustedHosts endpoint.TrustedHosts

	// Limits of the requests; zero means [transport.DefaultLimits].
	Limits transport.Limits
	// Ranges of the downloads; zero means [download.DefaultRanges].
	Ranges download.Ranges
	// Environment has the proxies and certificate authorities. Transport sends the requests;
	// nil means a new one for Environment.
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

// sendsTokens reports whether requests may carry a token.
func (o Options) sendsTokens() bool { return o.Credential != nil || o.SignIn != signin.Anonymous }

// tokensFor returns the tokens of the configured credential.
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
