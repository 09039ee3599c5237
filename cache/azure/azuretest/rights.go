package azuretest

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/nx-azure-cache/nx-azure-cache/cache/azure/azuretest/faults"
)

// Caller is who sends a request, told by what it signs with; no signature is
// checked. The zero value is everybody that has no rights of his own.
type Caller struct{ kind, secret string }

const bySAS = "sas"

// KeyOf is whoever signs with the key of an account.
func KeyOf(account string) Caller { return Caller{"key", account} }

// SAS is whoever has a SAS with that signature, not URL-encoded.
func SAS(sig string) Caller { return Caller{bySAS, sig} }

// Bearer is whoever sends that token.
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

// Rights are what a caller may do. The zero value is nothing.
type Rights struct {
	Read bool
	List bool
	// Create is the right to put a blob that is not there yet, in one Put Blob:
	// blobs/add/action of a role, c of a SAS.
	Create bool
	// Write is the right to put blobs, there or not, and blocks. It holds Create.
	Write  bool
	Delete bool
	// Manage is the right to create containers and look at them.
	Manage bool
	// WriteTo, where there is any, are patterns for the names of the blobs that
	// the caller may create, write and delete, as those of the operator StringLike of
	// role conditions: * stands for any characters, ? for one.
	WriteTo []string
}

// FullRights are those of everybody who was given no others.
func FullRights() Rights {
	return Rights{Read: true, List: true, Create: true, Write: true, Delete: true, Manage: true}
}

type rights struct {
	mu  sync.Mutex
	all map[Caller]Rights
}

// Allow gives a caller these rights and no others. The zero Caller stands for
// all who have been given none.
func (s *Service) Allow(caller Caller, allowed Rights) {
	s.rights.mu.Lock()
	defer s.rights.mu.Unlock()
	if s.rights.all == nil {
		s.rights.all = make(map[Caller]Rights)
	}
	s.rights.all[caller] = allowed
}

// rights are what the caller of a request may do.
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

// mayWriteTo reports whether a blob may be written, as far as its name goes.
func (r Rights) mayWriteTo(name string) bool {
	return r.WriteTo == nil || slices.ContainsFunc(r.WriteTo, func(pattern string) bool { return faults.Like(pattern, name) })
}

// refuseWrite refuses a Put Blob, unless the caller may do it.
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
