package azuretest

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// Caller is the sender of a request, identified by its credential; no signature is
// checked. The zero value is every sender without permissions of its own.
type Caller struct{ kind, secret string }

const bySAS = "sas"

// KeyOf is the sender with the key of an account.
func KeyOf(account string) Caller { return Caller{"key", account} }

// SAS is the sender with this signature in its SAS, not URL-encoded.
func SAS(sig string) Caller { return Caller{bySAS, sig} }

// Bearer is the sender with this token.
func Bearer(token string) Caller { return Caller{"bearer", token} }

func callerOf(r *http.Request) Caller {
	kind, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch kind {
	case "Bearer":
		return Bearer(secret)
	case "SharedKey", "SharedKeyLite":
		account, _, _ := strings.Cut(secret, ":")
		return KeyOf(account)
	}
	if strings.Contains(r.URL.RawQuery, "sig=") {
		return SAS(r.URL.Query().Get("sig"))
	}
	return Caller{}
}

// Rights are the permissions of a caller. The zero value has none.
type Rights struct {
	Read bool
	List bool
	// Create allows one Put Blob for a blob that does not exist: blobs/add/action of a role,
	// c of a SAS.
	Create bool
	// Write allows Put Blob for any blob, and blocks. It includes Create.
	Write  bool
	Delete bool
	// Manage allows creating containers and reading their properties.
	Manage bool
	// WriteTo, if not nil, restricts the names of blobs that the caller may create, write
	// and delete. Its patterns are those of StringLike in role conditions: * matches any
	// characters, ? matches one.
	WriteTo []string
}

// FullRights are the default.
func FullRights() Rights {
	return Rights{Read: true, List: true, Create: true, Write: true, Delete: true, Manage: true}
}

type rights struct {
	mu  sync.Mutex
	all map[Caller]Rights
}

// Allow sets the permissions of a caller. The zero Caller sets the default.
func (s *Service) Allow(caller Caller, allowed Rights) {
	s.rights.mu.Lock()
	defer s.rights.mu.Unlock()
	if s.rights.all == nil {
		s.rights.all = make(map[Caller]Rights)
	}
	s.rights.all[caller] = allowed
}

// rights are the permissions of the request's caller.
func (c *call) rights() Rights {
	r := &c.service.rights
	r.mu.Lock()
	defer r.mu.Unlock()
	if own, ok := r.all[c.caller]; ok {
		return own
	}
	if others, ok := r.all[Caller{}]; ok {
		return others
	}
	return FullRights()
}

// mayWriteTo reports whether the name of a blob allows writing it.
func (r Rights) mayWriteTo(name string) bool {
	return r.WriteTo == nil || slices.ContainsFunc(r.WriteTo, func(pattern string) bool { return faults.Like(pattern, name) })
}

// refuseWrite refuses a Put Blob that the caller may not send.
func (c *call) refuseWrite(exists bool) (refusal response, refused bool) {
	rights := c.rights()
	switch {
	case !rights.mayWriteTo(c.name), !rights.Write && !rights.Create:
		return notPermitted, true
	case rights.Write || !exists:
		return response{}, false
	case c.caller.kind == bySAS:
		return failure(http.StatusForbidden, "UnauthorizedBlobOverwrite"), true
	default:
		return notPermitted, true
	}
}
