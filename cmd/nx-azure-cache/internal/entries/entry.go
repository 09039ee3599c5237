package entries

import (
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// entry is a stored task result, as people look at it.
type entry struct {
	cache.Entry
	container *azure.Container
	name      string // of the blob
	etag      string
	modified  time.Time // by the clock of the storage
	tier      string    // of access, see [azure.Properties]

	signature Signature
	statement *trust.Statement // what it says about itself; nil if unreadable
}

// Signature is the state of the signature of an entry.
type Signature struct {
	State   string `json:"state"`
	Key     string `json:"key,omitempty"`     // the ID that it names, valid or not
	Problem string `json:"problem,omitempty"` // the check that failed
}

// The states of a signature.
const (
	SignatureValid     = "valid"     // by one of azure.trust.publicKeys
	SignatureInvalid   = "invalid"   // a check failed
	signatureUnchecked = "unchecked" // azure.trust.publicKeys is not set
	SignatureNone      = "unsigned"
)

var signatureStates = []string{SignatureValid, SignatureInvalid, signatureUnchecked, SignatureNone}

// isProven reports whether a key holder signed what the entry says.
func (e *entry) isProven() bool { return e.signature.State == SignatureValid }

// isArchived reports whether the blob is in the archive tier, where it cannot be read.
func (e *entry) isArchived() bool { return e.tier == azure.TierArchive }

func (e *entry) url() string { return e.container.URL() + "/" + e.name }

// classify sets what is known of an entry, and how reliable that is.
func (e *entry) classify(verifier *trust.Verifier) {
	claim, keyID, err := e.Claim()
	if err == nil {
		e.statement = &claim
	}
	switch {
	case !e.IsSigned():
		e.signature = Signature{State: SignatureNone}
	case verifier == nil:
		e.signature = Signature{State: signatureUnchecked, Key: keyID}
		if err != nil {
			e.signature.Problem = err.Error()
		}
	default:
		signed, err := e.Verify(verifier)
		if err != nil {
			e.signature = Signature{SignatureInvalid, keyID, err.Error()}
			return
		}
		e.statement = &signed
		e.signature = Signature{State: SignatureValid, Key: keyID}
	}
}
