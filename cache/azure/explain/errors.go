package explain

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/signin"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/transport"
	"github.com/nx-azure-cache/nx-azure-cache/cache/descriptors"
	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Error turns an error of the SDK into one of package cache. Every error of a request
// goes through it: nothing above knows a status code, and no error contains a secret.
func (c *Container) Error(ctx context.Context, operation, name string, err error) error {
	// Not errors.Is(err, context.DeadlineExceeded): the time limits of a dial or a response
	// match that, too.
	if ctx.Err() != nil {
		return fmt.Errorf("%s %s: %w", operation, name, context.Cause(ctx))
	}
	if failed, ok := errors.AsType[*fileerror.Error](err); ok { // of the body, or of a connection
		return fmt.Errorf("%s %s: %w", operation, name, failed)
	}
	if limit, ok := errors.AsType[*transport.LimitError](err); ok {
		return fmt.Errorf("%s %s/%s: %w", operation, c.URL, name, limit)
	}
	if missing := descriptors.Missing(err); missing != nil {
		return fmt.Errorf("%s %s: %w", operation, name, fileerror.NewTooMany(missing))
	}
	if failed, ok := errors.AsType[*transport.PermanentError](err); ok {
		return configError(failed.Diagnostic(), "%s", c.Scrub(failed.Error()))
	}
	if failed, ok := errors.AsType[*transport.NetworkError](err); ok {
		if errors.Is(failed, transport.ErrTooManyFiles) {
			return fmt.Errorf("%s %s: %w", operation, name, fileerror.NewTooMany(failed))
		}
		return diagnostic.With(failed.Diagnostic(), errors.New(c.Scrub(failed.Error())))
	}
	if other, ok := errors.AsType[*InterceptedError](err); ok {
		return configError(diagnostic.NotAzure, "%s", c.Intercepted(other))
	}
	if refused, ok := errors.AsType[*signin.ForeignScopeError](err); ok {
		return configError(diagnostic.NotAzure, "%s", c.foreignScope(refused))
	}
	if failed, ok := errors.AsType[*signin.Error](err); ok {
		return c.notSignedIn(failed)
	}
	if response, ok := errors.AsType[*azcore.ResponseError](err); ok {
		if failed := c.refusesAnonymous(response); failed != nil {
			return c.notSignedIn(failed)
		}
		return c.translateResponse(operation, name, response)
	}
	own, _ := diagnostic.CodeOf(err)
	return diagnostic.With(own, fmt.Errorf("%s %s/%s: %s", operation, c.URL, name, c.Scrub(WithoutURL(err).Error())))
}

// refusesAnonymous returns why a request was anonymous if the response rejects it for
// that: the container is not public.
func (c *Container) refusesAnonymous(response *azcore.ResponseError) *signin.Error {
	switch {
	case response.StatusCode == http.StatusUnauthorized, response.StatusCode == http.StatusForbidden:
	case response.ErrorCode == "PublicAccessNotPermitted", response.ErrorCode == "ResourceNotFound":
	default:
		return nil
	}
	return c.AnonymousReason()
}

// foreignScope explains that the server requested a token for another service.
func (c *Container) foreignScope(refused *signin.ForeignScopeError) string {
	what := "another service"
	if refused.Scope != "" {
		what = fmt.Sprintf(`another service ("%s")`, printable.Short(refused.Scope, transport.MaxShown))
	}
	return c.Scrub(fmt.Sprintf("%s is not Azure Storage: it requested a token for %s, got none, and receives no further "+
		"requests; check azure.endpoint in nx.json, and any proxy in between", c.URL, what))
}

// notSignedIn explains a sign-in that failed, or was not set up.
func (c *Container) notSignedIn(failed *signin.Error) error {
	if failed.NoneSetUp() {
		return configError(failed.Diagnostic(), "no credential was found for %s (%s): sign in (az login), give this run an identity, or set AZURE_STORAGE_CONNECTION_STRING",
			c.URL, c.Scrub(failed.Error()))
	}
	return configError(failed.Diagnostic(), "the sign-in for %s failed: %s; `npx nx-azure-cache doctor` shows all steps", c.URL, c.Scrub(failed.Error()))
}

// translateResponse uses only the status and x-ms-error-code. Bodies are prose that
// others may change (nx#31134); they only help to explain a refusal.
//
// A [cache.ConfigError] ends all reads or all writes of the run at once. It is for what
// persists until someone changes a setting, a permission or a network: refusals of Azure,
// and anything that responds in its place. A busy or broken service and a proxy's 5xx
// count for the breaker instead.
func (c *Container) translateResponse(operation, name string, response *azcore.ResponseError) error {
	code, ours := codeOf(response), response.RawResponse != nil && IsAzure(response.RawResponse.Header)
	state := c.blobState(operation, name, response)
	switch {
	case code == bloberror.ContainerNotFound || code == bloberror.ContainerBeingDeleted:
		return configError(diagnostic.NoContainer, "%s", c.containerNotFound())
	case code == publicAccessNotPermitted || code == accountRequiresHTTPS:
		reason := c.refused(operation, response)
		return configError(reason.Code, "%s", reason.Text)
	case isUnknownVersion(response):
		return configError(diagnostic.RequestRefused, "%s", c.unknownVersion(response))
	case slices.Contains([]string{"get", "inspect", "delete"}, operation) && response.StatusCode == http.StatusNotFound:
		return cache.ErrNotFound
	case operation == "delete" && response.StatusCode == http.StatusPreconditionFailed:
		return ErrChanged
	// Also for a proxy's 412, and for an identity that may only create blobs and has to
	// leave a damaged one as it is.
	case operation == "put" && response.StatusCode == http.StatusPreconditionFailed,
		operation == "replace" && slices.Contains([]int{http.StatusPreconditionFailed, http.StatusForbidden, http.StatusNotFound}, response.StatusCode):
		return cache.ErrExists
	case state != nil:
		return state
	case !ours && (response.StatusCode < 400 || isRefusal(response.StatusCode)):
		return configError(diagnostic.NotAzure, "%s", c.Intercepted(&InterceptedError{response.RawResponse}))
	case isRefusal(response.StatusCode), meaningOf(response) == AboutAccess: // which may be a 400 or a 409
		reason := c.refused(operation, response)
		return configError(reason.Code, "%s refused to %s (%w): %s", c.URL, operation, refusalError(response), c.Scrub(reason.Text))
	case !ours:
		return diagnostic.With(diagnostic.NotAzure, fmt.Errorf("%s %s/%s: the response was %s and did not come from Azure: a proxy or gateway sent it", operation, c.URL, name, status(response)))
	default:
		return diagnostic.With(diagnostic.StorageFailed, fmt.Errorf("%s %s/%s: the response was %s", operation, c.URL, name, status(response)))
	}
}

func isRefusal(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// status is such as "503 ServerBusy", or "503" if a proxy responded.
func status(response *azcore.ResponseError) string {
	return strings.TrimSpace(fmt.Sprintf("%d %s", response.StatusCode, codeOf(response)))
}

// codeOf is the x-ms-error-code of a response, which may come from any server.
func codeOf(response *azcore.ResponseError) bloberror.Code {
	if !errorCodes.MatchString(response.ErrorCode) {
		return ""
	}
	return bloberror.Code(response.ErrorCode)
}

var errorCodes = regexp.MustCompile(`^[A-Za-z0-9_]{1,60}$`)

// NotPermittedError is wrapped by errors that say that the storage knows the identity,
// and that the identity lacks a permission. Other refusals are about the credential
// itself or the network.
type NotPermittedError struct{ Status string } // such as "403 AuthorizationPermissionMismatch"

func (e *NotPermittedError) Error() string { return e.Status }

// refusalError is the status of a refusal as an error.
func refusalError(response *azcore.ResponseError) error {
	switch codeOf(response) {
	case bloberror.AuthorizationPermissionMismatch, bloberror.InsufficientAccountPermissions,
		bloberror.AuthorizationResourceTypeMismatch, bloberror.AuthorizationServiceMismatch:
		return &NotPermittedError{status(response)}
	default:
		return errors.New(status(response))
	}
}

// ErrChanged reports that a blob was replaced or deleted in the meantime.
var ErrChanged = errors.New("has changed in the meantime")

func configError(code diagnostic.Code, format string, args ...any) error {
	return &cache.ConfigError{Err: diagnostic.With(code, fmt.Errorf(format, args...))}
}

// WithoutURL drops the URL from err: its query may be a SAS.
func WithoutURL(err error) error {
	if failed, ok := errors.AsType[*url.Error](err); ok {
		return failed.Err
	}
	return err
}
