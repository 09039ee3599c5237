package azure_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/blob"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/sas"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/endpoint"
	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// fresh returns a name that no blob of any run has.
func fresh() string { return "test-" + strings.ToLower(rand.Text()) }

// settings returns the parts of a connection string.
func settings(connectionString string) map[string]string {
	parts := make(map[string]string)
	for part := range strings.SplitSeq(connectionString, ";") {
		if key, value, ok := strings.Cut(part, "="); ok {
			parts[key] = value
		}
	}
	return parts
}

// withSAS returns the connection string of a SAS for a container with the
// permissions sp.
func withSAS(t *testing.T, connectionString, container, sp string) endpoint.Secret {
	t.Helper()
	parts := settings(connectionString)
	key, err := blob.NewSharedKeyCredential(parts["AccountName"], parts["AccountKey"])
	if err != nil {
		t.Fatal(err)
	}
	query, err := sas.BlobSignatureValues{
		Protocol:      sas.ProtocolHTTPSandHTTP,
		ExpiryTime:    time.Now().Add(time.Hour),
		ContainerName: container,
		Permissions:   sp,
	}.SignWithSharedKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return endpoint.Secret(fmt.Sprintf("BlobEndpoint=%s;SharedAccessSignature=%s", parts["BlobEndpoint"], query.Encode()))
}

func TestAzurite(t *testing.T) {
	text, container := cachetest.Azurite(t)
	t.Run("account key", func(t *testing.T) {
		cachetest.TestBlobs(t, func(t *testing.T) cache.Blobs {
			return open(t, azure.Options{Container: container, ConnectionString: endpoint.Secret(text)})
		})
	})
	// A SAS with write permission gets the same responses as a key.
	t.Run("SAS with sp=rcw", func(t *testing.T) {
		cachetest.TestBlobs(t, func(t *testing.T) cache.Blobs {
			return open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "rcw")})
		})
	})
}

func TestAzuriteRanges(t *testing.T) {
	text, container := cachetest.Azurite(t)
	c := open(t, azure.Options{Container: container, ConnectionString: endpoint.Secret(text), Ranges: small})
	for _, size := range []int{0, 1, 1000, 1001, 25000} {
		name, content := fresh(), random(size)
		if err := put(t, c, name, content); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, c, name); err != nil || got != content {
			t.Errorf("got %d bytes, %v; want the %d", len(got), err, size)
		}
	}
}

func TestAzuriteMissingContainer(t *testing.T) {
	text, _ := cachetest.Azurite(t)
	missing := fresh()
	c := open(t, azure.Options{Container: missing, ConnectionString: endpoint.Secret(text)})

	_, err := get(t, c, "a")
	if got := outcomeOf(err); got != configError || !strings.Contains(err.Error(), `"`+missing+`"`) {
		t.Errorf("get: got %s (%v), want %s that names it", got, err, configError)
	}
	err = put(t, c, "a", "content")
	if got := outcomeOf(err); got != configError || !strings.Contains(err.Error(), `"`+missing+`"`) {
		t.Errorf("put: got %s (%v), want %s that names it", got, err, configError)
	}
}

func TestAzuriteWrongKey(t *testing.T) {
	text, container := cachetest.Azurite(t)
	wrong := strings.Replace(text, settings(text)["AccountKey"], accountKey, 1)
	c := open(t, azure.Options{Container: container, ConnectionString: endpoint.Secret(wrong)})
	if _, err := get(t, c, "a"); outcomeOf(err) != configError || !strings.Contains(err.Error(), "AuthenticationFailed") && !strings.Contains(err.Error(), "AuthorizationFailure") {
		t.Errorf("got %v, want a %s that says why", err, configError)
	}
}

func TestAzuriteLeastPrivilege(t *testing.T) {
	text, container := cachetest.Azurite(t)

	t.Run("sp=rc reads and creates", func(t *testing.T) {
		c := open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "rc")})
		name := fresh()
		if _, err := get(t, c, name); !errors.Is(err, cache.ErrNotFound) {
			t.Errorf("got %v, want %v", err, cache.ErrNotFound)
		}
		if err := put(t, c, name, "first"); err != nil {
			t.Error(err)
		}
		// Azurite responds to an overwrite with AuthorizationPermissionMismatch. Azure
		// responds with UnauthorizedBlobOverwrite, see TestResponses.
		if err := put(t, c, name, "second"); !errors.Is(err, cache.ErrExists) {
			t.Errorf("got %v, want %v", err, cache.ErrExists)
		}
		blob, err := c.Get(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		_ = blob.Body.Close()
		if err := c.Replace(t.Context(), name, blob.ETag, strings.NewReader("third"), nil); !errors.Is(err, cache.ErrExists) {
			t.Errorf("got %v, want %v", err, cache.ErrExists)
		}
		if got, err := get(t, c, name); err != nil || got != "first" {
			t.Errorf("got %q, %v; want %q", got, err, "first")
		}
	})

	t.Run("sp=r reads only", func(t *testing.T) {
		writer := open(t, azure.Options{Container: container, ConnectionString: endpoint.Secret(text)})
		c := open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "r")})
		name := fresh()
		if err := put(t, writer, name, "content"); err != nil {
			t.Fatal(err)
		}
		if got, err := get(t, c, name); err != nil || got != "content" {
			t.Errorf("got %q, %v; want %q", got, err, "content")
		}
		if err := put(t, c, fresh(), "content"); outcomeOf(err) != configError {
			t.Errorf("got %v, want a %s", err, configError)
		}
	})

	t.Run("sp=c creates only", func(t *testing.T) {
		c := open(t, azure.Options{Container: container, ConnectionString: withSAS(t, text, container, "c")})
		name := fresh()
		if err := put(t, c, name, "content"); err != nil {
			t.Error(err)
		}
		if _, err := get(t, c, name); outcomeOf(err) != configError {
			t.Errorf("got %v, want a %s", err, configError)
		}
	})
}
