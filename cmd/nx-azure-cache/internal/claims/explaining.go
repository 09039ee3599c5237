package claims

import (
	"fmt"
	"maps"
	"regexp"
	"slices"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
)

// azureVariables matches variables that the Azure SDK and az read, and those in which CIs
// provide tokens.
var azureVariables = regexp.MustCompile(`^(AZURE_|IDENTITY_|MSI_|IMDS_|ACTIONS_ID_TOKEN_|SYSTEM_ACCESSTOKEN$|SYSTEM_OIDC)`)

// Explaining returns the ignored claims that may explain why a request fails. An
// application may have such variables for its own use.
func (c Set) Explaining() (all []Claim) {
	network := make(map[string]bool)
	_, _ = transport.ReadEnvironment(func(name string) string {
		network[variableKey(name)] = true
		return ""
	})
	for _, key := range slices.Sorted(maps.Keys(c)) {
		if (azureVariables.MatchString(key) || network[key]) && !c.counts(c[key]) && counted[key] == nil {
			all = append(all, c[key])
		}
	}
	return all
}

// Hint is a part of an error: which ignored claims may explain it, and what to do; "" if
// none may.
func (c Set) Hint() string {
	list := c.Explaining()
	if len(list) == 0 {
		return ""
	}
	return Ignored(list) + fmt.Sprintf("; if the cache needs %s, set %s in the environment", itOrThem(list), itOrThem(list))
}
