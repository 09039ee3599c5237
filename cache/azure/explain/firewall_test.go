package explain

import (
	"net/netip"
	"strings"
	"testing"
)

// An account with a private endpoint also has a public address, which the DNS of other
// networks returns.
func TestF24PublicAddressOfAnAccountWithAPrivateEndpoint(t *testing.T) {
	for _, test := range []struct{ host, address, want string }{
		{"acc.blob.core.windows.net", "20.60.1.2", "acc.blob.core.windows.net to the public address 20.60.1.2: if the account has a private endpoint, link the private DNS zone privatelink.blob.core.windows.net to"},
		{"acc.privatelink.blob.core.windows.net", "20.60.1.2", "the private DNS zone privatelink.blob.core.windows.net to"},
		{"acc.blob.core.chinacloudapi.cn", "2603:1030::1", "the public address 2603:1030::1: if the account has a private endpoint, link the private DNS zone privatelink.blob.core.chinacloudapi.cn"},
		{"acc.blob.core.windows.net", "10.1.2.3", ""},
		{"acc.blob.core.windows.net", "fd00::1", ""},
		{"cache.example.com", "20.60.1.2", ""},
		{"20.60.1.2", "20.60.1.2", ""},
		{"acc.blob.core.windows.net", "", ""},
	} {
		at, _ := netip.ParseAddr(test.address) // "" is unknown
		if got := publicHint(test.host, at); (test.want == "") != (got == "") || !strings.Contains(got, test.want) {
			t.Errorf("%s at %s: got %q, want %q", test.host, test.address, got, test.want)
		}
	}
}
