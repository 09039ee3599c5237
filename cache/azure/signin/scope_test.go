package signin

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// noting is a credential that records its requests.
type noting struct{ requested []policy.TokenRequestOptions }

func (n *noting) GetToken(_ context.Context, options policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n.requested = append(n.requested, options)
	return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// A server chooses the scope: azblob takes it from WWW-Authenticate.
func TestTokensAreOfStorageOnly(t *testing.T) {
	for scope, isGood := range map[string]bool{
		"https://storage.azure.com/.default":                     true,
		"https://storage.azure.com//.default":                    true, // of a resource with a slash at its end
		"https://storage.azure.com":                              false,
		"https://storage.azure.com/user_impersonation":           false,
		"https://storage.azure.com:443/.default":                 false,
		"https://storage.azure.com:8443/.default":                false,
		"https://me@storage.azure.com/.default":                  false,
		"https://storage.azure.com@evil.example/.default":        false,
		"https://storage.azure.com.evil.example/.default":        false,
		"https://storage.azure.com/x/.default":                   false,
		"https://storage.azure.com/?a=/.default":                 false,
		"https://STORAGE.azure.com/.default":                     false,
		"http://storage.azure.com/.default":                      false,
		" https://storage.azure.com/.default":                    false,
		"https://vault.azure.net/.default":                       false,
		"https://graph.microsoft.com/.default":                   false,
		"https://management.azure.com/.default":                  false,
		"https://management.core.windows.net//.default":          false,
		"https://account.blob.core.windows.net/.default":         false,
		"api://11111111-2222-3333-4444-555555555555/.default":    false,
		"11111111-2222-3333-4444-555555555555/.default":          false,
		"https://storage.azure.com/.default offline_access":      false,
		"https://storage.azure.com/.default\nhttps://a/.default": false,
		"":         false,
		".default": false,
	} {
		n := new(noting)
		tokens := Of("test", n)
		_, err := tokens.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}, EnableCAE: true})
		refused, isRefused := errors.AsType[*ForeignScopeError](err)
		switch {
		case isGood && (err != nil || len(n.requested) != 1 || !slices.Equal(n.requested[0].Scopes, Storage.Scopes)):
			t.Errorf("%q: got %v, and requested %v; want a token of storage", scope, err, n.requested)
		case !isGood && (!isRefused || refused.Scope != scope || len(n.requested) > 0):
			t.Errorf("%q: got %v, and requested %v; want a refusal", scope, err, n.requested)
		}
	}
}

// A server that asks for a foreign token is not the storage. It gets no more storage
// tokens, not even the current one.
func TestNoTokenAfterAForeignScope(t *testing.T) {
	n := new(noting)
	tokens := Of("test", n)
	if _, err := tokens.GetToken(t.Context(), Storage); err != nil || tokens.Refused() != nil {
		t.Fatal(err, tokens.Refused())
	}
	foreign := policy.TokenRequestOptions{Scopes: []string{Storage.Scopes[0], "https://vault.azure.net/.default"}}
	for _, options := range []policy.TokenRequestOptions{foreign, Storage, {Scopes: Storage.Scopes, Claims: "{}"}} {
		token, err := tokens.GetToken(t.Context(), options)
		if _, ok := errors.AsType[*ForeignScopeError](err); !ok || token.Token != "" {
			t.Errorf("%v: got %q, %v; want a refusal", options, token.Token, err)
		}
	}
	if len(n.requested) != 1 || tokens.Refused() == nil {
		t.Errorf("requested %v, %v; want one token", n.requested, tokens.Refused())
	}
}

// A server cannot choose the tenant, which azblob reads from authorization_uri. It can
// send claims, which revoke a token.
func TestServersChooseNoTenant(t *testing.T) {
	n := new(noting)
	tokens := Of("test", n)
	for _, claims := range []string{"", `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`} {
		options := policy.TokenRequestOptions{Scopes: Storage.Scopes, EnableCAE: true, Claims: claims, TenantID: "attacker"}
		if _, err := tokens.GetToken(t.Context(), options); err != nil {
			t.Fatal(err)
		}
		last := n.requested[len(n.requested)-1]
		if last.TenantID != "" || last.Claims != claims || !last.EnableCAE {
			t.Errorf("requested %+v, want the claims %q and no tenant", last, claims)
		}
	}
}

func TestStorageHosts(t *testing.T) {
	for host, want := range map[string]bool{
		"acc.blob.core.windows.net":                           true,
		"acc-secondary.blob.core.windows.net":                 true,
		"acc-internetrouting-secondary.blob.core.windows.net": true,
		"acc.privatelink.blob.core.windows.net":               true,
		"acc-secondary.privatelink.blob.core.windows.net":     true,
		"acc.blob.core.usgovcloudapi.net":                     true,
		"acc.privatelink.blob.core.chinacloudapi.cn":          true,
		"acc.z1.blob.storage.azure.net":                       true,
		"acc.z00.blob.storage.azure.net":                      true,
		"acc-secondary.z42.blob.storage.azure.net":            true,
		"acc.privatelink.z42.blob.storage.azure.net":          true,
		"acc.z42.privatelink.blob.storage.azure.net":          true,
		"blob.core.windows.net":                               false,
		"a.b.blob.core.windows.net":                           false,
		"acc.blob.core.windows.net.evil.example":              false,
		"acc.blob.core.windows.net.":                          false,
		"evilblob.core.windows.net":                           false,
		"acc.evilblob.core.windows.net":                       false,
		"accxblob.core.windows.net":                           false,
		"acc.blob-core.windows.net":                           false,
		"acc.blobxcore.windows.net":                           false,
		"acc.blob.core.windows.net\n":                         false,
		"x@acc.blob.core.windows.net":                         false,
		"acc.blob.storage.azure.net":                          false,
		"acc.z100.blob.storage.azure.net":                     false,
		"acc.zz.blob.storage.azure.net":                       false,
		"acc.z13.web.core.windows.net":                        false,
		"acc.queue.core.windows.net":                          false,
		"acc.westeurope.cloudapp.azure.com":                   false,
		"acc.azurewebsites.net":                               false,
		"acc.azureedge.net":                                   false,
		"ACC.blob.core.windows.net":                           false, // it takes lower case
		"":                                                    false,
	} {
		if got := IsStorageHost(host); got != want {
			t.Errorf("%q: got %t, want %t", host, got, want)
		}
	}
}
