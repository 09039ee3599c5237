package azure_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// startService starts a Blob service with the container "results" and returns
// its connection string.
func startService(t *testing.T) (*azuretest.Service, string) {
	t.Helper()
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}, Requests: 1000})
	server, err := service.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return service, service.ConnectionString(server.URL)
}

func openService(t *testing.T, connectionString string) *azure.Container {
	t.Helper()
	return open(t, azure.Options{Container: "results", ConnectionString: endpoint.Secret(connectionString)})
}

// sasFor returns a connection string with a SAS that the service knows by sig.
func sasFor(connectionString, sig string) endpoint.Secret {
	return endpoint.Secret("BlobEndpoint=" + settings(connectionString)["BlobEndpoint"] +
		";SharedAccessSignature=sv=2025-11-05&sr=c&sp=rc&se=2099-01-01T00:00:00Z&sig=" + sig)
}

func TestService(t *testing.T) {
	_, text := startService(t)
	cachetest.TestBlobs(t, func(t *testing.T) cache.Blobs { return openService(t, text) })
}

// A slow network changes only the time.
func TestServiceOverASlowNetwork(t *testing.T) {
	service, text := startService(t)
	service.SetLatency(time.Millisecond)
	service.SetRate(500 << 20)
	cachetest.TestBlobs(t, func(t *testing.T) cache.Blobs { return openService(t, text) })
}

func TestServiceWithoutTheContainer(t *testing.T) {
	_, text := startService(t)
	c := open(t, azure.Options{Container: "missing", ConnectionString: endpoint.Secret(text)})
	for name, err := range map[string]error{
		"get": func() error { _, err := get(t, c, "a"); return err }(),
		"put": put(t, c, "a", "content"),
	} {
		if outcomeOf(err) != configError || !strings.Contains(err.Error(), `"missing"`) {
			t.Errorf("%s: got %v, want a %s that names it", name, err, configError)
		}
	}
}

// Azure's response to a SAS that may only create, which Azurite does not give.
func TestServiceCreateOnly(t *testing.T) {
	service, text := startService(t)
	service.Allow(azuretest.SAS("create"), azuretest.Rights{Read: true, Create: true})
	createOnly(t, open(t, azure.Options{Container: "results", ConnectionString: sasFor(text, "create")}))
}

// token is a credential that always returns the same token.
type token string

func (s token) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	return azcore.AccessToken{Token: string(s), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

// startTLSService starts a service that accepts tokens, and returns its container, opened
// with a token.
func startTLSService(t *testing.T, rights azuretest.Rights) *azure.Container {
	t.Helper()
	service := azuretest.New(azuretest.Options{Containers: []string{"results"}})
	service.Allow(azuretest.Bearer("the token"), rights)
	server := httptest.NewTLSServer(service)
	t.Cleanup(server.Close)
	return open(t, azure.Options{
		Container: "results", Endpoint: server.URL + "/" + azuretest.Account, Credential: token("the token"), Transport: server.Client(),
	})
}

// A role that may add but not write gets an error about permissions if the blob exists.
func TestServiceAddOnlyRole(t *testing.T) {
	createOnly(t, startTLSService(t, azuretest.Rights{Read: true, Create: true}))
}

// createOnly checks what an identity that may read and create can do.
func createOnly(t *testing.T, c *azure.Container) {
	t.Helper()
	if _, err := get(t, c, "a"); !errors.Is(err, cache.ErrNotFound) {
		t.Errorf("got %v, want %v", err, cache.ErrNotFound)
	}
	if err := put(t, c, "a", "first"); err != nil {
		t.Error(err)
	}
	if err := put(t, c, "a", "second"); !errors.Is(err, cache.ErrExists) {
		t.Errorf("put: got %v, want %v", err, cache.ErrExists)
	}
	blob, err := c.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	_ = blob.Body.Close()
	if err := c.Replace(t.Context(), "a", blob.ETag, strings.NewReader("third"), nil); !errors.Is(err, cache.ErrExists) {
		t.Errorf("replace: got %v, want %v", err, cache.ErrExists)
	}
	if got, err := get(t, c, "a"); err != nil || got != "first" {
		t.Errorf("got %q, %v; want %q", got, err, "first")
	}
}

// A condition on paths prevents pull requests from writing what main reads.
func TestServicePathCondition(t *testing.T) {
	rights := azuretest.FullRights()
	rights.WriteTo = []string{"v1/pr/*"}
	c := startTLSService(t, rights)
	if err := put(t, c, "v1/pr/7/1", "content"); err != nil {
		t.Error(err)
	}
	if err := put(t, c, "v1/shared/1", "content"); outcomeOf(err) != configError || !strings.Contains(err.Error(), "AuthorizationPermissionMismatch") {
		t.Errorf("got %v, want a %s that says why", err, configError)
	}
	if got, err := get(t, c, "v1/pr/7/1"); err != nil || got != "content" {
		t.Errorf("got %q, %v; want %q", got, err, "content")
	}
}

// The first try stored the blob, but its response was lost.
func TestServiceLosesAResponse(t *testing.T) {
	service, text := startService(t)
	service.AddFault(faults.Fault{Method: http.MethodPut, Times: 1, Action: faults.Lose})
	c := openService(t, text)
	if err := put(t, c, "a", "content"); !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v", err, cache.ErrExists)
	}
	if got, err := get(t, c, "a"); err != nil || got != "content" {
		t.Errorf("got %q, %v; want %q", got, err, "content")
	}
	if got := service.Requests(); len(got) != 3 || got[0].Fault != faults.Lose || got[1].Status != http.StatusConflict {
		t.Errorf("got %+v, want a put whose response was lost, a second put, and a get", got)
	}
}

func TestServiceIsBusy(t *testing.T) {
	t.Parallel()
	service, text := startService(t)
	service.AddFault(faults.Fault{Times: 2, Action: faults.Fail, Status: http.StatusServiceUnavailable, Code: "ServerBusy"})
	if err := put(t, openService(t, text), "a", "content"); err != nil {
		t.Errorf("got %v, want success at the third try", err)
	}
	if got := service.Stats(); got.Puts != 1 || got.Others != 2 {
		t.Errorf("got %+v, want one put after two refusals", got)
	}
}

// An archived blob is a miss, and can be neither overwritten nor replaced. Its properties
// can be read, and it can be listed and deleted.
func TestArchivedBlob(t *testing.T) {
	service, connectionString := startService(t)
	c := openService(t, connectionString)
	if err := put(t, c, "a", "content"); err != nil {
		t.Fatal(err)
	}
	blob, err := c.Get(t.Context(), "a")
	if err != nil {
		t.Fatal(err)
	}
	_ = blob.Body.Close()
	service.Archive("results", "a")
	if _, err := get(t, c, "a"); outcomeOf(err) != unreadable {
		t.Errorf("got %v, want %s", err, unreadable)
	}
	if err := put(t, c, "a", "content"); !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v", err, cache.ErrExists)
	}
	if err := c.Replace(t.Context(), "a", blob.ETag, strings.NewReader("x"), nil); !errors.Is(err, cache.ErrExists) {
		t.Errorf("got %v, want %v", err, cache.ErrExists)
	}
	properties, err := c.Properties(t.Context(), "a")
	if err != nil || properties.Tier != azure.TierArchive {
		t.Errorf("got %v, %v; want the tier %s", properties, err, azure.TierArchive)
	}
	for listed, err := range c.List(t.Context(), "") {
		if err != nil || listed.Tier != azure.TierArchive {
			t.Errorf("got %v, %v; want the tier %s", listed, err, azure.TierArchive)
		}
	}
	if err := c.Delete(t.Context(), "a", properties.ETag); err != nil {
		t.Error(err)
	}
}
