package azure_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
)

// trusting parses a list of hosts.
func trusting(t *testing.T, text string) endpoint.TrustedHosts {
	t.Helper()
	hosts, err := endpoint.ParseTrustedHosts(text)
	if err != nil {
		t.Fatal(err)
	}
	return hosts
}

// Tokens are sent to Azure, to this machine, and to hosts that a variable names.
func TestHostsThatReceiveTokens(t *testing.T) {
	for _, test := range []struct{ endpoint, trusted, host, want string }{
		{"", "", "acc.blob.core.windows.net", "of Azure Storage"},
		{"https://acc.z12.blob.storage.azure.net", "", "acc.z12.blob.storage.azure.net", "of Azure Storage"},
		{"https://ACC.privatelink.blob.core.chinacloudapi.cn:443", "", "acc.privatelink.blob.core.chinacloudapi.cn", "of Azure Storage"},
		{"https://127.0.0.1:10000/acc", "", "127.0.0.1:10000", "on this machine"},
		{"https://LocalHost", "", "localhost", "on this machine"},
		{"https://[::1]:8443", "", "[::1]:8443", "on this machine"},
		{"https://Cache.example.com", "other.example, CACHE.example.com", "cache.example.com", "trusted by NX_AZURE_CACHE_TRUSTED_HOSTS"},
		{"https://cache.example.com:443", "cache.example.com", "cache.example.com", "trusted by NX_AZURE_CACHE_TRUSTED_HOSTS"},
		{"https://cache.example.com", "cache.example.com:443", "cache.example.com", "trusted by NX_AZURE_CACHE_TRUSTED_HOSTS"},
		{"https://[fd00::1]:8443", "[fd00::1]:8443", "[fd00::1]:8443", "trusted by NX_AZURE_CACHE_TRUSTED_HOSTS"},
		{"https://attacker.example", "", "attacker.example", ""},
		{"https://attacker.example", "example", "attacker.example", ""},
		{"https://evil.cache.example.com", "cache.example.com", "evil.cache.example.com", ""},
		{"https://cache.example.com.evil.example", "cache.example.com", "cache.example.com.evil.example", ""},
		{"https://cache.example.com:8443", "cache.example.com", "cache.example.com:8443", ""},
		{"https://cache.example.com", "cache.example.com:8443", "cache.example.com", ""},
		{"https://acc.blob.core.windows.net.attacker.example", "", "acc.blob.core.windows.net.attacker.example", ""},
		{"https://acc.blob.core.windows.net-attacker.example/", "", "acc.blob.core.windows.net-attacker.example", ""},
		{"https://vm.westeurope.cloudapp.azure.com", "", "vm.westeurope.cloudapp.azure.com", ""},
		{"https://10.0.0.4", "", "10.0.0.4", ""},
		{"https://0.0.0.0", "", "0.0.0.0", ""},
		{"https://localhost.example", "", "localhost.example", ""},
		{"https://169.254.169.254", "", "169.254.169.254", ""},
	} {
		signIn := validFor(time.Hour)
		options := azure.Options{
			Container: "results", AccountName: "acc", Endpoint: test.endpoint, Credential: signIn, TrustedHosts: trusting(t, test.trusted),
			Transport: unused{t},
		}
		c, err := azure.Open(options)
		if test.want == "" {
			want := fmt.Sprintf("the endpoint's host %s does not belong to Azure Storage, and signing in would send it a token", test.host)
			set := endpoint.TrustedHostsVariable + "=" + test.host + " "
			if err == nil || !strings.HasPrefix(err.Error(), want) || !strings.Contains(err.Error(), set) {
				t.Errorf("%s, %q: got %v, want %q", test.endpoint, test.trusted, err, want)
			}
		} else if err != nil {
			t.Errorf("%s, %q: got %v", test.endpoint, test.trusted, err)
		} else if host, trust := c.TokenHost(); host != test.host || string(trust) != test.want {
			t.Errorf("%s, %q: got %s, %s; want %s, %s", test.endpoint, test.trusted, host, trust, test.host, test.want)
		}
		if signIn.asked.Load() != 0 {
			t.Errorf("%s: requested a token", test.endpoint)
		}

		// Anonymous requests have no token, so they need no consent.
		options.Credential, options.SignIn = nil, signin.Anonymous
		if c, err = azure.Open(options); err != nil {
			t.Errorf("%s, anonymous: got %v", test.endpoint, err)
		} else if host, trust := c.TokenHost(); host != "" || trust != "" {
			t.Errorf("%s, anonymous: got %s, %s", test.endpoint, host, trust)
		}
	}
}

// unused is a transport that sends nothing.
type unused struct{ t *testing.T }

func (u unused) Do(r *http.Request) (*http.Response, error) {
	u.t.Errorf("a request to %s", r.URL)
	return nil, http.ErrHandlerTimeout
}

// A token is sent only to the container's host, whatever sends the request.
func TestGuardOfTokens(t *testing.T) {
	s := newTLSServer(t, ok)
	other := newTLSServer(t, ok)
	c := signedIn(t, s, new(recorder))
	for _, to := range []string{other.URL, "http://" + s.Listener.Addr().String(), "https://" + s.Listener.Addr().String() + "0"} {
		if err := azure.SendAstray(t.Context(), c, to); err == nil || !strings.Contains(err.Error(), "about to go to another host") {
			t.Errorf("%s: got %v, want it not sent", to, err)
		}
	}
	if n := len(s.seen()) + len(other.seen()); n != 0 {
		t.Errorf("sent %d requests, want none", n)
	}
}

// A key or a SAS is never sent in clear text, wherever its endpoint comes from.
func TestConnectionStringsInClearText(t *testing.T) {
	key, sas := "AccountKey="+accountKey, "SharedAccessSignature="+sasQuery
	for text, isGood := range map[string]bool{
		"DefaultEndpointsProtocol=https;AccountName=account;" + key:                                                   true,
		"AccountName=account;" + key:                                                                                  true,
		"BlobEndpoint=http://127.0.0.1:10000/account;AccountName=account;" + key:                                      true,
		"BlobEndpoint=http://[::1]:10000/account;" + sas:                                                              true,
		"BlobEndpoint=http://localhost:10000/account;" + sas:                                                          true,
		"DefaultEndpointsProtocol=http;BlobEndpoint=https://account.blob.core.windows.net;AccountName=account;" + key: true,
		"DefaultEndpointsProtocol=http;AccountName=account;" + key:                                                    false,
		"DefaultEndpointsProtocol=HTTP;AccountName=account;" + key:                                                    false,
		"DefaultEndpointsProtocol=http;AccountName=account;EndpointSuffix=core.chinacloudapi.cn;" + sas:               false,
		"BlobEndpoint=http://account.blob.core.windows.net;" + sas:                                                    false,
		"BlobEndpoint=http://account.blob.core.windows.net;AccountName=account;" + key:                                false,
		"BlobEndpoint=http://127.0.0.1.evil.example;" + sas:                                                           false,
		"BlobEndpoint=http://0.0.0.0:10000/account;" + sas:                                                            false,
		"BlobEndpoint=http://azurite:10000/account;AccountName=account;" + key:                                        false,
	} {
		_, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(text)})
		if isGood {
			if err != nil {
				t.Errorf("%q: got %v", text, err)
			}
			continue
		}
		for _, want := range []string{"its endpoint is http", "clear text", "set DefaultEndpointsProtocol=https", "AZURE_STORAGE_CONNECTION_STRING"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: got %v, want %q", text, err, want)
			}
		}
		checkSecrets(t, err)
	}
}

// Errors and commands also contain the endpoints of connection strings and SAS URLs.
func TestEndpointsOfSecretsContainNothingElse(t *testing.T) {
	for _, at := range []string{
		"https://account.blob.core.windows.net/$(touch x)", "https://account.blob.core.windows.net/a\u009bb", "https://account.blob.core.windows.net/a\u202eb",
		"https://b\u00fccher.example", "https://account.blob.core.windows.net/a%24b", "https://account.blob.core.windows.net./a", "https://127.1/a",
		"https://account.blob.core.windows.net\\a", "https://account.blob.core.windows.net/..",
	} {
		for _, options := range []azure.Options{
			{Container: "results", ConnectionString: endpoint.Secret("BlobEndpoint=" + at + ";SharedAccessSignature=" + sasQuery)},
			{Container: "results", ConnectionString: endpoint.Secret("BlobEndpoint=" + at + ";AccountName=account;AccountKey=" + accountKey)},
			{Container: "results", SASURL: endpoint.Secret(at + "?" + sasQuery)},
			{Container: "results", SASURL: endpoint.Secret(at + "/results?" + sasQuery)},
		} {
			if c, err := azure.Open(options); err == nil {
				t.Errorf("%q: opened %s", at, c.URL())
			} else {
				checkSecrets(t, err)
			}
		}
	}
	for _, parts := range []string{"AccountName=a/$(x)", "AccountName=account;EndpointSuffix=evil.example/$(x)", "AccountName=a@evil.example"} {
		if c, err := azure.Open(azure.Options{Container: "results", ConnectionString: endpoint.Secret(parts + ";AccountKey=" + accountKey)}); err == nil {
			t.Errorf("%q: opened %s", parts, c.URL())
		}
	}
}
