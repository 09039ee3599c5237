package explain

import (
	"net/http"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
)

// The codes that package bloberror lacks.
const (
	accountRequiresHTTPS     bloberror.Code = "AccountRequiresHttps"
	blobModifiedWhileReading bloberror.Code = "BlobModifiedWhileReading"
	keysNotPermitted         bloberror.Code = "KeyBasedAuthenticationNotPermitted"
	publicAccessNotPermitted bloberror.Code = "PublicAccessNotPermitted"
)

// Meaning is what an error code of the service is about
// (learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
type Meaning int

// The meanings.
const (
	// AboutRequest: the request is wrong, or was modified on its way. Such codes should
	// never occur; they count for the breaker.
	AboutRequest Meaning = iota
	// AboutBlob: the state of this one blob forbids the operation, or the blob changed. It
	// is a cache miss, or a name that exists, and does not affect other blobs.
	AboutBlob
	// AboutAccess: the account, the container or the identity, until a person changes it.
	AboutAccess
	// AboutService: the service is busy or broken. Such codes count for the breaker.
	AboutService
)

// Meanings has every code of package bloberror.
var Meanings = map[bloberror.Code]Meaning{
	bloberror.AppendPositionConditionNotMet:              AboutBlob,
	bloberror.BlobAlreadyExists:                          AboutBlob,
	bloberror.BlobArchived:                               AboutBlob,
	bloberror.BlobBeingRehydrated:                        AboutBlob,
	bloberror.BlobImmutableDueToPolicy:                   AboutBlob,
	bloberror.BlobNotArchived:                            AboutBlob,
	bloberror.BlobNotFound:                               AboutBlob,
	bloberror.BlobOverwritten:                            AboutBlob,
	bloberror.BlobUsesCustomerSpecifiedEncryption:        AboutBlob,
	bloberror.CannotChangeToLowerTier:                    AboutBlob,
	bloberror.ConditionNotMet:                            AboutBlob,
	bloberror.ImmutabilityPolicyDeleteOnLockedPolicy:     AboutBlob,
	bloberror.IncrementalCopyBlobMismatch:                AboutBlob,
	bloberror.InfiniteLeaseDurationRequired:              AboutBlob,
	bloberror.InvalidBlobTier:                            AboutBlob,
	bloberror.InvalidBlobType:                            AboutBlob,
	bloberror.LeaseAlreadyBroken:                         AboutBlob,
	bloberror.LeaseAlreadyPresent:                        AboutBlob,
	bloberror.LeaseIDMismatchWithBlobOperation:           AboutBlob,
	bloberror.LeaseIDMismatchWithLeaseOperation:          AboutBlob,
	bloberror.LeaseIDMissing:                             AboutBlob,
	bloberror.LeaseIsBreakingAndCannotBeAcquired:         AboutBlob,
	bloberror.LeaseIsBreakingAndCannotBeChanged:          AboutBlob,
	bloberror.LeaseIsBrokenAndCannotBeRenewed:            AboutBlob,
	bloberror.LeaseLost:                                  AboutBlob,
	bloberror.LeaseNotPresentWithBlobOperation:           AboutBlob,
	bloberror.LeaseNotPresentWithLeaseOperation:          AboutBlob,
	bloberror.MaxBlobSizeConditionNotMet:                 AboutBlob,
	bloberror.NoPendingCopyOperation:                     AboutBlob,
	bloberror.OperationNotAllowedOnIncrementalCopyBlob:   AboutBlob,
	bloberror.PendingCopyOperation:                       AboutBlob,
	bloberror.ResourceAlreadyExists:                      AboutBlob,
	bloberror.ResourceTypeMismatch:                       AboutBlob,
	bloberror.SequenceNumberConditionNotMet:              AboutBlob,
	bloberror.SnapshotCountExceeded:                      AboutBlob,
	bloberror.SnapshotOperationRateExceeded:              AboutBlob,
	bloberror.SnapshotsPresent:                           AboutBlob,
	bloberror.SystemInUse:                                AboutBlob,
	bloberror.TargetConditionNotMet:                      AboutBlob,
	bloberror.UnauthorizedBlobOverwrite:                  AboutBlob,
	blobModifiedWhileReading:                             AboutBlob,
	bloberror.AccountAlreadyExists:                       AboutAccess,
	bloberror.AccountBeingCreated:                        AboutAccess,
	bloberror.AccountIsDisabled:                          AboutAccess,
	bloberror.AuthenticationFailed:                       AboutAccess,
	bloberror.AuthorizationFailure:                       AboutAccess,
	bloberror.AuthorizationPermissionMismatch:            AboutAccess,
	bloberror.AuthorizationProtocolMismatch:              AboutAccess,
	bloberror.AuthorizationResourceTypeMismatch:          AboutAccess,
	bloberror.AuthorizationServiceMismatch:               AboutAccess,
	bloberror.AuthorizationSourceIPMismatch:              AboutAccess,
	bloberror.ContainerBeingDeleted:                      AboutAccess,
	bloberror.ContainerDisabled:                          AboutAccess,
	bloberror.ContainerNotFound:                          AboutAccess,
	bloberror.InsufficientAccountPermissions:             AboutAccess,
	bloberror.InvalidAuthenticationInfo:                  AboutAccess,
	bloberror.NoAuthenticationInformation:                AboutAccess,
	accountRequiresHTTPS:                                 AboutAccess,
	keysNotPermitted:                                     AboutAccess,
	publicAccessNotPermitted:                             AboutAccess,
	bloberror.InternalError:                              AboutService,
	bloberror.OperationTimedOut:                          AboutService,
	bloberror.ServerBusy:                                 AboutService,
	bloberror.BlobTierInadequateForContentLength:         AboutRequest,
	bloberror.BlockCountExceedsLimit:                     AboutRequest,
	bloberror.BlockListTooLong:                           AboutRequest,
	bloberror.CannotVerifyCopySource:                     AboutRequest,
	bloberror.ConditionHeadersNotSupported:               AboutRequest,
	bloberror.ContainerAlreadyExists:                     AboutRequest,
	bloberror.ContentLengthLargerThanTierLimit:           AboutRequest,
	bloberror.CopyAcrossAccountsNotSupported:             AboutRequest,
	bloberror.CopyIDMismatch:                             AboutRequest,
	bloberror.EmptyMetadataKey:                           AboutRequest,
	bloberror.FeatureVersionMismatch:                     AboutRequest,
	"IncrementalCopyOfEralierVersionSnapshotNotAllowed":  AboutRequest,
	bloberror.IncrementalCopyOfEarlierSnapshotNotAllowed: AboutRequest,
	bloberror.IncrementalCopySourceMustBeSnapshot:        AboutRequest,
	bloberror.InvalidBlobOrBlock:                         AboutRequest,
	bloberror.InvalidBlockID:                             AboutRequest,
	bloberror.InvalidBlockList:                           AboutRequest,
	bloberror.InvalidHTTPVerb:                            AboutRequest,
	bloberror.InvalidHeaderValue:                         AboutRequest,
	bloberror.InvalidInput:                               AboutRequest,
	bloberror.InvalidMD5:                                 AboutRequest,
	bloberror.InvalidMetadata:                            AboutRequest,
	bloberror.InvalidOperation:                           AboutRequest,
	bloberror.InvalidPageRange:                           AboutRequest,
	bloberror.InvalidQueryParameterValue:                 AboutRequest,
	bloberror.InvalidRange:                               AboutRequest,
	bloberror.InvalidResourceName:                        AboutRequest,
	bloberror.InvalidSourceBlobType:                      AboutRequest,
	bloberror.InvalidSourceBlobURL:                       AboutRequest,
	bloberror.InvalidURI:                                 AboutRequest,
	bloberror.InvalidVersionForPageBlobOperation:         AboutRequest,
	bloberror.InvalidXMLDocument:                         AboutRequest,
	bloberror.InvalidXMLNodeValue:                        AboutRequest,
	bloberror.LeaseIDMismatchWithContainerOperation:      AboutRequest,
	bloberror.LeaseNotPresentWithContainerOperation:      AboutRequest,
	bloberror.MD5Mismatch:                                AboutRequest,
	bloberror.CRC64Mismatch:                              AboutRequest,
	bloberror.MetadataTooLarge:                           AboutRequest,
	bloberror.MissingContentLengthHeader:                 AboutRequest,
	bloberror.MissingRequiredHeader:                      AboutRequest,
	bloberror.MissingRequiredQueryParameter:              AboutRequest,
	bloberror.MissingRequiredXMLNode:                     AboutRequest,
	bloberror.MultipleConditionHeadersNotSupported:       AboutRequest,
	bloberror.OperationNotAllowedOnRootBlob:              AboutRequest,
	bloberror.OutOfRangeInput:                            AboutRequest,
	bloberror.OutOfRangeQueryParameterValue:              AboutRequest,
	bloberror.PreviousSnapshotCannotBeNewer:              AboutRequest,
	bloberror.PreviousSnapshotNotFound:                   AboutRequest,
	bloberror.PreviousSnapshotOperationNotSupported:      AboutRequest,
	bloberror.RequestBodyTooLarge:                        AboutRequest,
	bloberror.RequestURLFailedToParse:                    AboutRequest,
	bloberror.ResourceNotFound:                           AboutRequest,
	bloberror.SequenceNumberIncrementTooLarge:            AboutRequest,
	bloberror.SourceConditionNotMet:                      AboutRequest,
	bloberror.UnsupportedHTTPVerb:                        AboutRequest,
	bloberror.UnsupportedHeader:                          AboutRequest,
	bloberror.UnsupportedQueryParameter:                  AboutRequest,
	bloberror.UnsupportedXMLNode:                         AboutRequest,
}

// meaningOf returns the meaning of a response. An unknown conflict is about the blob: the
// account and the container use 403 and 404.
func meaningOf(response *azcore.ResponseError) Meaning {
	code := codeOf(response)
	known, ok := Meanings[code]
	if !ok && code != "" && response.StatusCode == http.StatusConflict {
		return AboutBlob
	}
	return known
}
