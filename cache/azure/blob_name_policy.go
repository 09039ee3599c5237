package azure

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

// placeholderName is the name in the URL of the clients, which serve all blobs.
const placeholderName = "blob"

// blobNamePolicy puts the name of the blob into the URL before the request is signed. The
// SDK wants a client for each blob, and making one costs as much as a request.
type blobNamePolicy struct{}

type (
	nameKey  struct{}
	queryKey struct{}
)

// withBlobName is a context for requests about one blob.
func withBlobName(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, nameKey{}, name)
}

// withContainerQuery is a context that turns a request for a blob into a request for the
// container, with this query. The SDK's container client links Apache Arrow: 3 MB.
func withContainerQuery(ctx context.Context, query url.Values) context.Context {
	return context.WithValue(ctx, queryKey{}, query)
}

// Do implements [policy.Policy].
func (blobNamePolicy) Do(request *policy.Request) (*http.Response, error) {
	raw := request.Raw()
	u := raw.URL
	container, escaped := strings.TrimSuffix(u.Path, placeholderName), strings.TrimSuffix(u.EscapedPath(), placeholderName)
	if query, ok := raw.Context().Value(queryKey{}).(url.Values); ok {
		u.Path, u.RawPath = strings.TrimSuffix(container, "/"), strings.TrimSuffix(escaped, "/")
		// The URL may have a SAS already. Azure does not accept + for a space.
		u.RawQuery = strings.Trim(u.RawQuery+"&"+strings.ReplaceAll(query.Encode(), "+", "%20"), "&")
		raw.Header.Set("Accept", "application/xml")
		return request.Next()
	}
	name := raw.Context().Value(nameKey{}).(string)
	u.Path, u.RawPath = container+name, escaped+escapeName(name)
	return request.Next()
}

func escapeName(name string) string {
	return strings.ReplaceAll(url.PathEscape(name), "%2F", "/")
}
