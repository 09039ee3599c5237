package explain

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// blobState translates a response that is about the state of one blob; nil if it is not.
// Operations of commands get the status itself.
func (c *Container) blobState(operation, name string, response *azcore.ResponseError) error {
	if meaningOf(response) != AboutBlob || response.StatusCode == http.StatusNotFound {
		return nil
	}
	code := codeOf(response)
	switch {
	case slices.Contains([]string{"put", "replace"}, operation):
		if _, isKnown := Meanings[code]; !isKnown {
			return nil // a name that exists has a code of its own
		}
		return cache.ErrExists
	case operation != "get" || response.StatusCode == http.StatusForbidden:
		return nil
	case code == bloberror.ConditionNotMet || code == blobModifiedWhileReading: // it was replaced in the meantime
		return cache.ErrNotFound
	case code == bloberror.BlobArchived || code == bloberror.BlobBeingRehydrated:
		return unreadable("entries in the archive tier cannot be read (%s: %s/%s): they count as cache misses and are not replaced; a lifecycle rule of the storage account "+
			"moved them: change it to delete them, and remove the archived ones with `npx nx-azure-cache evict --archived`",
			status(response), c.URL, printable.Line(name))
	default:
		return unreadable("the state of a blob prevents reading it (%s: %s/%s): such entries count as cache misses; `npx nx-azure-cache evict --hash HASH` removes one",
			status(response), c.URL, printable.Line(name))
	}
}

func unreadable(format string, args ...any) error {
	return &cache.UnreadableError{Err: diagnostic.With(diagnostic.EntryUnreadable, fmt.Errorf(format, args...))}
}
