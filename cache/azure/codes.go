package azure

import (
	"fmt"
	"net/http"
	"slices"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// The codes that package bloberror lacks.
const (
	accountRequiresHTTPS     bloberror.Code = "AccountRequiresHttps"
	blobModifiedWhileReading bloberror.Code = "BlobModifiedWhileReading"
	keysNotPermitted         bloberror.Code = "KeyBasedAuthenticationNotPermitted"
	publicAccessNotPermitted bloberror.Code = "PublicAccessNotPermitted"
)

// meaning is what an error code of the service is about
// (learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
type meaning int

const (
	// aboutRequest: the request is wrong, or was changed on its way. Such codes should
	// not come, and count for the breaker.
	aboutRequest meaning = iota
	// aboutBlob: there is such a blob, and its state forbids this, or it has changed.
	// That is a miss, or a name that is taken, and says nothing of others.
	aboutBlob
	// aboutAccess: the account, the container or the identity, until a person changes it.
	aboutAccess
	// aboutService: a busy or broken service. They count for the breaker.
	aboutService
)

// meanings has every code of package bloberror.
var meanings = map[bloberror.Code]meaning{
	bloberror.AppendPositionConditionNotMet:              aboutBlob,
	bloberror.BlobAlreadyExists:                          aboutBlob,
	bloberror.BlobArchived:                               aboutBlob,
	bloberror.BlobBeingRehydrated:                        aboutBlob,
	bloberror.BlobImmutableDueToPolicy:                   aboutBlob,
	bloberror.BlobNotArchived:                            aboutBlob,
	bloberror.BlobNotFound:                               aboutBlob,
	bloberror.BlobOverwritten:                            aboutBlob,
	bloberror.BlobUsesCustomerSpecifiedEncryption:        aboutBlob,
	bloberror.CannotChangeToLowerTier:                    aboutBlob,
	bloberror.ConditionNotMet:                            aboutBlob,
	bloberror.ImmutabilityPolicyDeleteOnLockedPolicy:     aboutBlob,
	bloberror.IncrementalCopyBlobMismatch:                aboutBlob,
	bloberror.InfiniteLeaseDurationRequired:              aboutBlob,
	bloberror.InvalidBlobTier:                            aboutBlob,
	bloberror.InvalidBlobType:                            aboutBlob,
	bloberror.LeaseAlreadyBroken:                         aboutBlob,
	bloberror.LeaseAlreadyPresent:                        aboutBlob,
	bloberror.LeaseIDMismatchWithBlobOperation:           aboutBlob,
	bloberror.LeaseIDMismatchWithLeaseOperation:          aboutBlob,
	bloberror.LeaseIDMissing:                             aboutBlob,
	bloberror.LeaseIsBreakingAndCannotBeAcquired:         aboutBlob,
	bloberror.LeaseIsBreakingAndCannotBeChanged:          aboutBlob,
	bloberror.LeaseIsBrokenAndCannotBeRenewed:            aboutBlob,
	bloberror.LeaseLost:                                  aboutBlob,
	bloberror.LeaseNotPresentWithBlobOperation:           aboutBlob,
	bloberror.LeaseNotPresentWithLeaseOperation:          aboutBlob,
	bloberror.MaxBlobSizeConditionNotMet:                 aboutBlob,
	bloberror.NoPendingCopyOperation:                     aboutBlob,
	bloberror.OperationNotAllowedOnIncrementalCopyBlob:   aboutBlob,
	bloberror.PendingCopyOperation:                       aboutBlob,
	bloberror.ResourceAlreadyExists:                      aboutBlob,
	bloberror.ResourceTypeMismatch:                       aboutBlob,
	bloberror.SequenceNumberConditionNotMet:              aboutBlob,
	bloberror.SnapshotCountExceeded:                      aboutBlob,
	bloberror.SnapshotOperationRateExceeded:              aboutBlob,
	bloberror.SnapshotsPresent:                           aboutBlob,
	bloberror.SystemInUse:                                aboutBlob,
	bloberror.TargetConditionNotMet:                      aboutBlob,
	bloberror.UnauthorizedBlobOverwrite:                  aboutBlob,
	blobModifiedWhileReading:                             aboutBlob,
	bloberror.AccountAlreadyExists:                       aboutAccess,
	bloberror.AccountBeingCreated:                        aboutAccess,
	bloberror.AccountIsDisabled:                          aboutAccess,
	bloberror.AuthenticationFailed:                       aboutAccess,
	bloberror.AuthorizationFailure:                       aboutAccess,
	bloberror.AuthorizationPermissionMismatch:            aboutAccess,
	bloberror.AuthorizationProtocolMismatch:              aboutAccess,
	bloberror.AuthorizationResourceTypeMismatch:          aboutAccess,
	bloberror.AuthorizationServiceMismatch:               aboutAccess,
	bloberror.AuthorizationSourceIPMismatch:              aboutAccess,
	bloberror.ContainerBeingDeleted:                      aboutAccess,
	bloberror.ContainerDisabled:                          aboutAccess,
	bloberror.ContainerNotFound:                          aboutAccess,
	bloberror.InsufficientAccountPermissions:             aboutAccess,
	bloberror.InvalidAuthenticationInfo:                  aboutAccess,
	bloberror.NoAuthenticationInformation:                aboutAccess,
	accountRequiresHTTPS:                                 aboutAccess,
	keysNotPermitted:                                     aboutAccess,
	publicAccessNotPermitted:                             aboutAccess,
	bloberror.InternalError:                              aboutService,
	bloberror.OperationTimedOut:                          aboutService,
	bloberror.ServerBusy:                                 aboutService,
	bloberror.BlobTierInadequateForContentLength:         aboutRequest,
	bloberror.BlockCountExceedsLimit:                     aboutRequest,
	bloberror.BlockListTooLong:                           aboutRequest,
	bloberror.CannotVerifyCopySource:                     aboutRequest,
	bloberror.ConditionHeadersNotSupported:               aboutRequest,
	bloberror.ContainerAlreadyExists:                     aboutRequest,
	bloberror.ContentLengthLargerThanTierLimit:           aboutRequest,
	bloberror.CopyAcrossAccountsNotSupported:             aboutRequest,
	bloberror.CopyIDMismatch:                             aboutRequest,
	bloberror.EmptyMetadataKey:                           aboutRequest,
	bloberror.FeatureVersionMismatch:                     aboutRequest,
	"IncrementalCopyOfEralierVersionSnapshotNotAllowed":  aboutRequest,
	bloberror.IncrementalCopyOfEarlierSnapshotNotAllowed: aboutRequest,
	bloberror.IncrementalCopySourceMustBeSnapshot:        aboutRequest,
	bloberror.InvalidBlobOrBlock:                         aboutRequest,
	bloberror.InvalidBlockID:                             aboutRequest,
	bloberror.InvalidBlockList:                           aboutRequest,
	bloberror.InvalidHTTPVerb:                            aboutRequest,
	bloberror.InvalidHeaderValue:                         aboutRequest,
	bloberror.InvalidInput:                               aboutRequest,
	bloberror.InvalidMD5:                                 aboutRequest,
	bloberror.InvalidMetadata:                            aboutRequest,
	bloberror.InvalidOperation:                           aboutRequest,
	bloberror.InvalidPageRange:                           aboutRequest,
	bloberror.InvalidQueryParameterValue:                 aboutRequest,
	bloberror.InvalidRange:                               aboutRequest,
	bloberror.InvalidResourceName:                        aboutRequest,
	bloberror.InvalidSourceBlobType:                      aboutRequest,
	bloberror.InvalidSourceBlobURL:                       aboutRequest,
	bloberror.InvalidURI:                                 aboutRequest,
	bloberror.InvalidVersionForPageBlobOperation:         aboutRequest,
	bloberror.InvalidXMLDocument:                         aboutRequest,
	bloberror.InvalidXMLNodeValue:                        aboutRequest,
	bloberror.LeaseIDMismatchWithContainerOperation:      aboutRequest,
	bloberror.LeaseNotPresentWithContainerOperation:      aboutRequest,
	bloberror.MD5Mismatch:                                aboutRequest,
	bloberror.CRC64Mismatch:                              aboutRequest,
	bloberror.MetadataTooLarge:                           aboutRequest,
	bloberror.MissingContentLengthHeader:                 aboutRequest,
	bloberror.MissingRequiredHeader:                      aboutRequest,
	bloberror.MissingRequiredQueryParameter:              aboutRequest,
	bloberror.MissingRequiredXMLNode:                     aboutRequest,
	bloberror.MultipleConditionHeadersNotSupported:       aboutRequest,
	bloberror.OperationNotAllowedOnRootBlob:              aboutRequest,
	bloberror.OutOfRangeInput:                            aboutRequest,
	bloberror.OutOfRangeQueryParameterValue:              aboutRequest,
	bloberror.PreviousSnapshotCannotBeNewer:              aboutRequest,
	bloberror.PreviousSnapshotNotFound:                   aboutRequest,
	bloberror.PreviousSnapshotOperationNotSupported:      aboutRequest,
	bloberror.RequestBodyTooLarge:                        aboutRequest,
	bloberror.RequestURLFailedToParse:                    aboutRequest,
	bloberror.ResourceNotFound:                           aboutRequest,
	bloberror.SequenceNumberIncrementTooLarge:            aboutRequest,
	bloberror.SourceConditionNotMet:                      aboutRequest,
	bloberror.UnsupportedHTTPVerb:                        aboutRequest,
	bloberror.UnsupportedHeader:                          aboutRequest,
	bloberror.UnsupportedQueryParameter:                  aboutRequest,
	bloberror.UnsupportedXMLNode:                         aboutRequest,
}

// meaningOf is that of an answer of Azure's. A conflict that is not known is one with the
// state of the blob: the account and the container answer with 403 and 404.
func meaningOf(response *azcore.ResponseError) meaning {
	code := codeOf(response)
	known, ok := meanings[code]
	if !ok && code != "" && response.StatusCode == http.StatusConflict {
		return aboutBlob
	}
	return known
}

// ofState translates an answer that is about the state of one blob; nil where it is not.
// An operation that people ask for gets the status itself.
func (c *Container) ofState(operation, name string, response *azcore.ResponseError) error {
	if meaningOf(response) != aboutBlob || response.StatusCode == http.StatusNotFound {
		return nil
	}
	code := codeOf(response)
	switch {
	case slices.Contains([]string{"put", "replace"}, operation):
		if _, isKnown := meanings[code]; !isKnown {
			return nil // a name that is taken has a code of its own
		}
		return cache.ErrExists
	case operation != "get" || response.StatusCode == http.StatusForbidden:
		return nil
	case code == bloberror.ConditionNotMet || code == blobModifiedWhileReading: // another one has replaced it
		return cache.ErrNotFound
	case code == bloberror.BlobArchived || code == bloberror.BlobBeingRehydrated:
		return unreadable("entries in the archive tier cannot be read (%s: %s/%s): they count as misses, and their results are not stored again; "+
			"a lifecycle rule of the storage account has moved them: let it delete them instead, and remove those that are archived with `npx nx-azure-cache evict --archived`",
			status(response), c.url, printable.Line(name))
	default:
		return unreadable("the state of a blob forbids to read it (%s: %s/%s): such entries count as misses; `npx nx-azure-cache evict --hash HASH` removes one",
			status(response), c.url, printable.Line(name))
	}
}

func unreadable(format string, args ...any) error {
	return &cache.UnreadableError{Err: fmt.Errorf(format, args...)}
}
