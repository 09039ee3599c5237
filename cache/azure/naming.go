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

type (
	nameKey  struct{}
	queryKey struct{}
)

// named is a context for the requests about the blob called name.
func named(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, nameKey{}, name)
}

// asking is a context in which the request for a blob becomes one with this query
// for the container. The SDK's client of containers links Apache Arrow: 3 MB.
func asking(ctx context.Context, query url.Values) context.Context {
	return context.WithValue(ctx, queryKey{}, query)
}

// Do implements [policy.Policy].
func (naming) Do(request *policy.Request) (*http.Response, error) {
	raw := request.Raw()
	u := raw.URL
	container, escaped := strings.TrimSuffix(u.Path, anyName), strings.TrimSuffix(u.EscapedPath(), anyName)
	if query, ok := raw.Context().Value(queryKey{}).(url.Values); ok {
		u.Path, u.RawPath = strings.TrimSuffix(container, "/"), strings.TrimSuffix(escaped, "/")
		// A SAS is there already. Azure takes no + for a space.
		u.RawQuery = strings.Trim(u.RawQuery+"&"+strings.ReplaceAll(query.Encode(), "+", "%20"), "&")
		raw.Header.Set("Accept", "application/xml")
		return request.Next()
	}
	name := raw.Context().Value(nameKey{}).(string)
	u.Path, u.RawPath = container+name, escaped+escape(name)
	return request.Next()
}

func escape(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}
