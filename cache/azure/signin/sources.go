package signin

import (
	"os"
	"slices"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

const (
	// serviceLimit is for a token that Entra ID issues for a secret or an assertion: two or
	// three requests.
	serviceLimit = 8 * time.Second
	// toolLimit is for a token from another program. az takes at least 0.6 s.
	toolLimit = 10 * time.Second
)

// sources are tried in this order: first what was set up for this run, then the machine's
// identity, then the user of a tool.
var sources = []source{
	{name: Environment, limit: serviceLimit, open: openEnvironment},
	{name: WorkloadIdentity, limit: serviceLimit, open: openWorkloadIdentity},
	{name: GitHubActions, limit: serviceLimit, open: openGitHubActions},
	{name: AzurePipelines, limit: serviceLimit, open: openAzurePipelines},
	{name: ManagedIdentity, limit: machineLimit, open: openManagedIdentity, absent: hasNoIdentity},
	{name: AzureCLI, limit: toolLimit, open: openAzureCLI, absent: isSignedOut},
	{name: AzureDeveloperCLI, limit: toolLimit, open: openAzureDeveloperCLI, absent: isSignedOut},
	{name: AzurePowerShell, limit: toolLimit, open: openAzurePowerShell, absent: isSignedOut},
}

// The variables of several sources, named as in azidentity.
const (
	tenantVariable = "AZURE_TENANT_ID"
	clientVariable = "AZURE_CLIENT_ID"
)

// set returns the first value among these variables that is not empty.
func set(names ...string) string {
	for _, name := range names {
		if value := strings.TrimSpace(os.Getenv(name)); value != "" {
			return value
		}
	}
	return ""
}

// unsetOf returns the names of these variables that are unset or empty.
func unsetOf(names ...string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return set(name) != "" })
}

// requireAll returns nil if all of these variables are set, or else an error that names
// those that are not. The shared variables alone do not mean that the source is set up in
// part.
func requireAll(shared, own []string) error {
	gone := unsetOf(slices.Concat(own, shared)...)
	switch {
	case len(gone) == 0:
		return nil
	case len(unsetOf(own...)) == len(own):
		return missing("%s", notSet(own[:1]))
	default:
		return partly("%s", notSet(gone))
	}
}

func notSet(names []string) string {
	if len(names) == 1 {
		return names[0] + " is not set"
	}
	return strings.Join(names, " and ") + " are not set"
}

// additionalTenants are those that azidentity allows besides the credential's own.
func additionalTenants() []string {
	if tenants := set("AZURE_ADDITIONALLY_ALLOWED_TENANTS"); tenants != "" {
		return strings.Split(tenants, ";")
	}
	return nil
}

// openEnvironment is a service principal with a secret or a certificate, or a user with a
// password.
func openEnvironment(o *Options) (azcore.TokenCredential, error) {
	const secret, certificate, user = "AZURE_CLIENT_SECRET", "AZURE_CLIENT_CERTIFICATE_PATH", "AZURE_USERNAME"
	own := secret
	switch {
	case set(secret) != "":
	case set(certificate) != "":
		own = certificate
	case set(user) != "":
		own = "AZURE_PASSWORD"
	}
	if own == secret && set(secret) == "" {
		return nil, missing("neither %s nor %s is set", secret, certificate)
	}
	if err := requireAll([]string{tenantVariable, clientVariable}, []string{own}); err != nil {
		return nil, err
	}
	return azidentity.NewEnvironmentCredential(&azidentity.EnvironmentCredentialOptions{
		ClientOptions:            o.Client,
		DisableInstanceDiscovery: ownAuthority(os.Getenv),
	})
}

// openWorkloadIdentity is a token from Kubernetes, GitLab or another issuer, in a file
// that the issuer refreshes.
func openWorkloadIdentity(o *Options) (azcore.TokenCredential, error) {
	const file = "AZURE_FEDERATED_TOKEN_FILE"
	if err := requireAll([]string{tenantVariable, clientVariable}, []string{file}); err != nil {
		return nil, err
	}
	return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
		ClientOptions:              o.Client,
		AdditionallyAllowedTenants: additionalTenants(),
		DisableInstanceDiscovery:   ownAuthority(os.Getenv),
		TenantID:                   set(tenantVariable),
		ClientID:                   set(clientVariable),
		TokenFilePath:              set(file),
	})
}

// openAzurePipelines is the workload identity of a service connection. The tasks
// AzureCLI@2 and AzurePowerShell@5 set the variables AZURESUBSCRIPTION_…; the pipeline
// has to pass on SYSTEM_ACCESSTOKEN itself
// (learn.microsoft.com/azure/devops/pipelines/build/variables#systemaccesstoken).
func openAzurePipelines(o *Options) (azcore.TokenCredential, error) {
	const (
		uri, token, connection = "SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN", "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID"
		tenant, client         = "AZURESUBSCRIPTION_TENANT_ID", "AZURESUBSCRIPTION_CLIENT_ID"
	)
	gone := unsetOf(token, connection)
	if set(tenant, tenantVariable) == "" {
		gone = append(gone, tenantVariable)
	}
	if set(client, clientVariable) == "" {
		gone = append(gone, clientVariable)
	}
	switch {
	case set(uri) == "":
		return nil, missing("%s", notSet([]string{uri}))
	case len(gone) > 0:
		// Every job of Azure Pipelines has the URI; most do not use Azure.
		return nil, &missingError{what: notSet(gone), partly: set(connection) != ""}
	}
	return azidentity.NewAzurePipelinesCredential(set(tenant, tenantVariable), set(client, clientVariable), set(connection), set(token),
		&azidentity.AzurePipelinesCredentialOptions{
			ClientOptions:              o.Client,
			AdditionallyAllowedTenants: additionalTenants(),
			DisableInstanceDiscovery:   ownAuthority(os.Getenv),
		})
}

func openAzureCLI(*Options) (azcore.TokenCredential, error) { return newAzureCLI(), nil }

func openAzureDeveloperCLI(*Options) (azcore.TokenCredential, error) {
	return newAzureDeveloperCLI(), nil
}

func openAzurePowerShell(*Options) (azcore.TokenCredential, error) { return newAzurePowerShell(), nil }

// isSignedOut reports whether a tool is missing, or no user is signed in with it. A
// refusal of Entra ID is a failure instead. The errors of azidentity differ only in their
// strings.
func isSignedOut(err error) bool {
	text := err.Error()
	if strings.Contains(text, "AADSTS") {
		return false
	}
	return slices.ContainsFunc([]string{"executable not found", "az login", "azd auth login", "Connect-AzAccount", "Az.Accounts"}, func(hint string) bool {
		return strings.Contains(text, hint)
	})
}
