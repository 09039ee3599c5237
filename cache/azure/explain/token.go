package explain

import (
	"regexp"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
)

// details are Azure's words about a rejected token.
var details = regexp.MustCompile(`(?i)<AuthenticationErrorDetail>[^<]*\b(audience|issuer|lifetime|expired)\b`)

// tenants finds the account's tenant in WWW-Authenticate.
var tenants = regexp.MustCompile(`authorization_uri="?https://[^/"\s]+/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/`)

func (r refusal) tokenRefused() diagnostic.Message {
	if r.isSkewKnown && r.skew.Abs() > MaxSkew {
		return diagnostic.Messagef(diagnostic.ClockWrong, "the token of %s is not valid at this time%s", r.signedBy(), r.clock())
	}
	var word, tenant string
	if raw := r.response.RawResponse; raw != nil {
		if body, err := runtime.Payload(raw); err == nil {
			if found := details.FindSubmatch(body); found != nil {
				word = strings.ToLower(string(found[1]))
			}
		}
		if found := tenants.FindStringSubmatch(raw.Header.Get("WWW-Authenticate")); found != nil {
			tenant = found[1]
		}
	}
	switch {
	case word == "audience":
		return diagnostic.Messagef(diagnostic.TokenRejected, "the token of %s is for another service or cloud: set azure.cloud in nx.json to the cloud of the account %s", r.signedBy(), r.account())
	case word == "issuer" && tenant == "":
		return diagnostic.Messagef(diagnostic.TokenRejected, "the token of %s is from another tenant than the account %s: set AZURE_TENANT_ID, or run `az login --tenant TENANT`", r.signedBy(), r.account())
	case word == "lifetime" || word == "expired":
		return diagnostic.Messagef(diagnostic.TokenRejected, "the token of %s has expired: sign in again (az login)", r.signedBy())
	case tenant != "":
		return diagnostic.Messagef(diagnostic.TokenRejected, "the account %s accepts tokens of the tenant %s, not the token of %s: set AZURE_TENANT_ID=%s, or run `az login --tenant %s`", r.account(), tenant, r.signedBy(), shellWord(tenant), shellWord(tenant))
	default:
		return diagnostic.Messagef(diagnostic.TokenRejected, "the account %s rejected the token of %s: check that both are in the same tenant and cloud (AZURE_TENANT_ID, azure.cloud in nx.json)", r.account(), r.signedBy())
	}
}
