package azure

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// anyName is the name in the URL of the client that serves all blobs.
const anyName = "blob"

// naming puts the name of a request's blob into its URL, before it is signed. The
// SDK has a client for each blob, and making one costs as much as a request.
type naming struct{}

type nameKey struct{}

// named is a context for the requests about the blob called name.
func named(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, nameKey{}, name)
}

// Do implements [policy.Policy].
func (naming) Do(request *policy.Request) (*http.Response, error) {
	name := request.Raw().Context().Value(nameKey{}).(string)
	u := request.Raw().URL
	container, escaped := strings.TrimSuffix(u.Path, anyName), strings.TrimSuffix(u.EscapedPath(), anyName)
	u.Path, u.RawPath = container+name, escaped+escape(name)
	return request.Next()
}

func escape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}
