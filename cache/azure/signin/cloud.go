package signin

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

// Cloud is one of Azure's clouds.
type Cloud struct {
	name   string
	suffix string // of the blob endpoint
	// audience is that of assertions from other issuers, such as GitHub
	// (learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations).
	audience string
	services cloud.Configuration
}

// clouds begins with the public one.
var clouds = []Cloud{
	{"public", "blob.core.windows.net", "api://AzureADTokenExchange", cloud.AzurePublic},
	{"usgovernment", "blob.core.usgovcloudapi.net", "api://AzureADTokenExchangeUSGov", cloud.AzureGovernment},
	{"china", "blob.core.chinacloudapi.cn", "api://AzureADTokenExchangeChina", cloud.AzureChina},
}

// CloudNames returns the names that [ParseCloud] accepts.
func CloudNames() []string {
	var names []string
	for _, c := range clouds {
		names = append(names, c.name)
	}
	return names
}

// ParseCloud returns the cloud with this name; "" is the public cloud.
func ParseCloud(name string) (Cloud, error) {
	if name == "" {
		return clouds[0], nil
	}
	i := slices.IndexFunc(clouds, func(c Cloud) bool { return c.name == name })
	if i < 0 {
		return Cloud{}, fmt.Errorf("unknown cloud %q; allowed are %s", name, strings.Join(CloudNames(), ", "))
	}
	return clouds[i], nil
}

// CloudOf returns the cloud of an endpoint, by its suffix. Custom domains belong to the
// public cloud.
func CloudOf(endpoint string) Cloud {
	u, err := url.Parse(endpoint)
	if err == nil {
		for _, c := range clouds {
			// Also ACCOUNT.privatelink.…, and ACCOUNT.z1.… of DNS zones.
			_, service, _ := strings.Cut(c.suffix, ".")
			if strings.HasSuffix(strings.ToLower(u.Hostname()), "."+service) {
				return c
			}
		}
	}
	return clouds[0]
}

// storageHosts are the hosts of blob services: ACCOUNT, ACCOUNT-secondary or another of
// its endpoints (-ipv6, -internetrouting), optionally privatelink, and the suffix of a
// cloud; or an account in a DNS zone of its own
// (learn.microsoft.com/azure/storage/common/storage-account-overview#azure-dns-zone-endpoints-preview).
var storageHosts = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*(\.privatelink)?\.(` + suffixes() +
	`|z[0-9][0-9]?(\.privatelink)?\.blob\.storage\.azure\.net)$`)

// suffixes are those of all clouds, as alternatives in a pattern.
func suffixes() string {
	var all []string
	for _, c := range clouds {
		all = append(all, regexp.QuoteMeta(c.suffix))
	}
	return strings.Join(all, "|")
}

// IsStorageHost reports whether a host, in lower case and without a port, is an Azure
// blob service. Only these hosts belong to Microsoft alone: every virtual machine of a
// customer has a name below azure.com.
func IsStorageHost(host string) bool { return storageHosts.MatchString(host) }

// String is the name of the cloud.
func (c Cloud) String() string { return c.orPublic().name }

// Endpoint is the blob endpoint of an account.
func (c Cloud) Endpoint(account string) string {
	return "https://" + account + "." + c.orPublic().suffix
}

func (c Cloud) orPublic() Cloud {
	if c.name == "" {
		return clouds[0]
	}
	return c
}

// configuration is what azidentity needs of a cloud. If AZURE_AUTHORITY_HOST is set it is
// empty, because azidentity then reads the variable.
func (c Cloud) configuration(getenv func(string) string) cloud.Configuration {
	if getenv("AZURE_AUTHORITY_HOST") != "" {
		return cloud.Configuration{}
	}
	return c.orPublic().services
}

// authorities are those that Microsoft runs for everyone.
var authorities = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net",
	"login.microsoftonline.us", "login-us.microsoftonline.com", "login.chinacloudapi.cn", "login.partner.microsoftonline.cn"}

// ownAuthority reports whether AZURE_AUTHORITY_HOST names a private authority. The
// libraries would ask login.microsoftonline.com about it, which does not know it and may
// be unreachable from there.
func ownAuthority(getenv func(string) string) bool {
	host := getenv("AZURE_AUTHORITY_HOST")
	if host == "" {
		return false
	}
	u, err := url.Parse(host)
	return err == nil && !slices.Contains(authorities, strings.ToLower(u.Hostname()))
}
