package entries

import (
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache"
	"github.com/nx-azure-cache/nx-azure-cache/cache/azure"
	"github.com/nx-azure-cache/nx-azure-cache/cache/trust"
)

// entry is a stored result, as people look at it.
type entry struct {
	cache.Entry
	container *azure.Container
	name      string // of the blob
	etag      string
	modified  time.Time // by the storage's clock
	tier      string    // of access, see [azure.Properties]

	signature Signature
	statement *trust.Statement // what it says of itself; nil where that cannot be read
}

// Signature is what the signature of an entry is worth.
type Signature struct {
	State   string `json:"state"`
	Key     string `json:"key,omitempty"`     // the ID that it gives, whoever has signed
	Problem string `json:"problem,omitempty"` // the check that has failed
}

// The states of a signature.
const (
	SignatureValid     = "valid"     // by one of azure.trust.publicKeys
	SignatureInvalid   = "invalid"   // a check has failed
	signatureUnchecked = "unchecked" // there are no keys to check it with
	SignatureNone      = "unsigned"
)

var signatureStates = []string{SignatureValid, SignatureInvalid, signatureUnchecked, SignatureNone}

// isProven reports whether somebody who holds a key says what the entry says.
func (e *entry) isProven() bool { return e.signature.State == SignatureValid }

// isArchived reports whether the storage has it and cannot give it.
func (e *entry) isArchived() bool { return e.tier == azure.TierArchive }

func (e *entry) url() string { return e.container.URL() + "/" + e.name }

// classify finds out what is known of an entry, and how well.
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
