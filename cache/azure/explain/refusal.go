package explain

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// shellWord is a value in a command that people paste.
func shellWord(value string) string {
	if word, ok := printable.Word(value); ok {
		return word
	}
	return "VALUE"
}

// refusal is what is known of a request that was refused.
type refusal struct {
	*Container
	operation string
	response  *azcore.ResponseError
	by        signer
	sas       url.Values
	// skew is how far this machine's clock is behind Azure's.
	skew        time.Duration
	isSkewKnown bool // otherwise skew is 0
}

// signer is what a request was signed with.
type signer int

const (
	byAnonymous signer = iota
	byKey
	bySAS
	byToken
)

// refused explains why a request was refused and how to fix it, from the error code, the
// request and the clocks.
func (c *Container) refused(operation string, response *azcore.ResponseError) diagnostic.Message {
	r := refusal{Container: c, operation: operation, response: response}
	if raw := response.RawResponse; raw != nil {
		r.skew, r.isSkewKnown = SkewOf(raw.Header, time.Now())
		if raw.Request != nil {
			r.by, r.sas = signerOf(raw.Request)
		}
	}
	if explain := explanations[codeOf(response)]; explain != nil {
		return explain(r)
	}
	if response.StatusCode == http.StatusUnauthorized {
		return r.notAuthenticated()
	}
	return diagnostic.Messagef(diagnostic.RequestRefused, "check the data role of %s on the container, and the network rules of the account; `npx nx-azure-cache doctor` checks both", r.signedBy())
}

var explanations = map[bloberror.Code]func(refusal) diagnostic.Message{
	bloberror.AuthorizationPermissionMismatch:   refusal.roleLacksPermission,
	bloberror.InsufficientAccountPermissions:    refusal.roleLacksPermission,
	bloberror.AuthorizationServiceMismatch:      refusal.sasLacksService,
	bloberror.AuthorizationResourceTypeMismatch: refusal.sasLacksResourceType,
	bloberror.AuthorizationFailure:              refusal.blockedByNetwork,
	bloberror.AuthorizationSourceIPMismatch:     refusal.addressNotAllowed,
	bloberror.AuthorizationProtocolMismatch:     refusal.sasNeedsHTTPS,
	bloberror.AuthenticationFailed:              refusal.notAuthenticated,
	bloberror.InvalidAuthenticationInfo:         refusal.notAuthenticated,
	bloberror.NoAuthenticationInformation:       refusal.notAuthenticated,
	bloberror.AccountIsDisabled: func(r refusal) diagnostic.Message {
		return diagnostic.Messagef(diagnostic.RequestRefused, "the account %s is disabled, perhaps because its subscription is: check the subscription and its billing in the Azure portal", r.account())
	},
	keysNotPermitted: func(r refusal) diagnostic.Message {
		return diagnostic.Messagef(diagnostic.KeyRejected, "the account %s accepts neither shared keys nor a SAS signed with one: unset AZURE_STORAGE_CONNECTION_STRING and "+
			"NX_AZURE_CACHE_SAS_URL, set azure.accountName in nx.json, and sign in (az login, or an identity in CI)", r.account())
	},
	publicAccessNotPermitted: func(r refusal) diagnostic.Message {
		return diagnostic.Messagef(diagnostic.AnonymousRejected, "the account %s does not allow anonymous reads (%s): sign in (az login, or an identity in CI)", r.account(), r.URL)
	},
	accountRequiresHTTPS: func(r refusal) diagnostic.Message {
		return diagnostic.Messagef(diagnostic.RequestRefused, "the account %s accepts only https (%s): set DefaultEndpointsProtocol=https in the connection string", r.account(), r.URL)
	},
}

func signerOf(request *http.Request) (signer, url.Values) {
	if query := request.URL.Query(); query.Has("sig") {
		return bySAS, query
	}
	switch scheme, _, _ := strings.Cut(request.Header.Get("Authorization"), " "); scheme {
	case "Bearer":
		return byToken, nil
	case "SharedKey", "SharedKeyLite":
		return byKey, nil
	default:
		return byAnonymous, nil
	}
}

// signedBy names the identity, key or SAS of the request.
func (r refusal) signedBy() string {
	switch principal := r.Principal(); {
	case r.by == byKey:
		return "the account key"
	case r.by == bySAS:
		return "the SAS"
	case principal != "":
		return principal
	default:
		return "the identity"
	}
}

// notAuthenticated is about the credential of the request.
func (r refusal) notAuthenticated() diagnostic.Message {
	switch r.by {
	case bySAS:
		if problem := r.sasOutsideValidity(); problem != "" {
			return diagnostic.Message{Code: diagnostic.SASInvalid, Text: problem}
		}
		if r.sas.Get("si") != "" {
			return diagnostic.Messagef(diagnostic.SASInvalid, "the SAS is invalid: its stored access policy (si) expired or was deleted, the SAS was modified, or the key that signed it was rotated: %s", r.sasCommand())
		}
		return diagnostic.Messagef(diagnostic.SASInvalid, "the signature of the SAS does not match: the SAS was cut or modified (a shell or pipeline may have removed a %%), or the key that signed it was rotated: %s", r.sasCommand())
	case byKey:
		if r.isSkewKnown && r.skew.Abs() > MaxSkew {
			return diagnostic.Message{Code: diagnostic.ClockWrong, Text: "the request was signed with a wrong time" + r.clock()}
		}
		return diagnostic.Messagef(diagnostic.KeyRejected, "the AccountKey in %s is not a key of the account %s, perhaps because it was rotated: run "+
			"`az storage account show-connection-string --name %s`", r.Variable, r.account(), shellWord(r.account()))
	case byToken:
		return r.tokenRefused()
	default:
		return diagnostic.Messagef(diagnostic.AnonymousRejected, "the request was anonymous: sign in (az login, or an identity in CI)%s", r.clock())
	}
}
