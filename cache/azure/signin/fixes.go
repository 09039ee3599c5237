package signin

import (
	"regexp"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// fixes are the fixes of common errors of Entra ID and of tools
// (learn.microsoft.com/entra/identity-platform/reference-error-codes).
var fixes = map[string]diagnostic.Message{
	"AADSTS50034":   {Code: diagnostic.SignInRejected, Text: "the user does not exist in this tenant: check AZURE_TENANT_ID"},
	"AADSTS50076":   {Code: diagnostic.SignInExpired, Text: "the tenant requires a second factor: az login"},
	"AADSTS50079":   {Code: diagnostic.SignInExpired, Text: "the tenant requires a second factor: az login"},
	"AADSTS50173":   {Code: diagnostic.SignInExpired, Text: "the sign-in was revoked: az login"},
	"AADSTS53003":   {Code: diagnostic.SignInRejected, Text: "a conditional access policy blocks this machine: ask the tenant's administrator"},
	"AADSTS65001":   {Code: diagnostic.SignInRejected, Text: "consent for this app is missing: ask the tenant's administrator"},
	"AADSTS700016":  {Code: diagnostic.SignInRejected, Text: "the app does not exist in this tenant: check AZURE_CLIENT_ID and AZURE_TENANT_ID"},
	"AADSTS70021":   {Code: diagnostic.FederationMismatch, Text: "no federated credential of the app matches the assertion's issuer, subject and audience: az ad app federated-credential create"},
	"AADSTS700211":  {Code: diagnostic.FederationMismatch, Text: "no federated credential of the app has this issuer: az ad app federated-credential create"},
	"AADSTS700212":  {Code: diagnostic.FederationMismatch, Text: "no federated credential of the app has this audience: az ad app federated-credential create"},
	"AADSTS700213":  {Code: diagnostic.FederationMismatch, Text: "no federated credential of the app has this subject: az ad app federated-credential create"},
	"AADSTS700024":  {Code: diagnostic.FederationMismatch, Text: "the assertion has expired: let the cache request its own, or sign in again later in the job"},
	"AADSTS700027":  {Code: diagnostic.SignInRejected, Text: "the certificate in AZURE_CLIENT_CERTIFICATE_PATH does not belong to this app"},
	"AADSTS700082":  {Code: diagnostic.SignInExpired, Text: "the sign-in has expired: az login"},
	"AADSTS70043":   {Code: diagnostic.SignInExpired, Text: "the sign-in has expired: az login"},
	"AADSTS7000215": {Code: diagnostic.SignInRejected, Text: "AZURE_CLIENT_SECRET is wrong: set it to the secret's value, not its ID"},
	"AADSTS7000222": {Code: diagnostic.SignInRejected, Text: "the secret in AZURE_CLIENT_SECRET has expired: create another, or use a federated identity"},
	"AADSTS90002":   {Code: diagnostic.SignInRejected, Text: "the tenant does not exist: check AZURE_TENANT_ID, and azure.cloud in nx.json"},
	"AADSTS900382":  {Code: diagnostic.SignInRejected, Text: "the tenant is in another cloud: set azure.cloud in nx.json"},
	"AADSTS900383":  {Code: diagnostic.SignInRejected, Text: "the tenant is in another cloud: set azure.cloud in nx.json"},
	distrust:        {Code: diagnostic.TLSFailed, Text: "az does not read NODE_EXTRA_CA_CERTS: set REQUESTS_CA_BUNDLE to a PEM file with all certificate authorities to trust"},
}

// distrust is what the Azure CLI, a Python program, prints about a proxy that inspects
// TLS
// (learn.microsoft.com/cli/azure/use-azure-cli-successfully-troubleshooting#work-behind-a-proxy).
const distrust = "CERTIFICATE_VERIFY_FAILED"

var codes = regexp.MustCompile(`AADSTS\d+|` + distrust)
