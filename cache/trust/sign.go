package trust

import (
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"
)

// artifactType is the type of envelopes about entries.
const artifactType PayloadType = "application/vnd.nx-azure-cache.artifact+json"

// Signer signs statements.
type Signer struct {
	envelopes *dsse.EnvelopeSigner
	key       PublicKey
}

// NewSigner returns a signer with a key.
func NewSigner(key PrivateKey) *Signer {
	envelopes, err := dsse.NewEnvelopeSigner(dsseSigner{key})
	if err != nil {
		panic(err) // without a key
	}
	return &Signer{envelopes, key.Public()}
}

// Key is the key that verifies the signatures of the signer.
func (s *Signer) Key() PublicKey { return s.key }

// Sign returns an envelope with the statement and its signature.
func (s *Signer) Sign(statement Statement) (envelope string, err error) {
	return s.Seal(artifactType, statement.payload())
}

// Verifier decides which signatures are accepted.
type Verifier struct {
	keys    map[string]PublicKey // by ID
	revoked map[string]bool      // by ID
}

// NewVerifier returns a verifier that accepts the keys, except the revoked ones, which are
// public keys in the form of nx.json, or IDs.
func NewVerifier(keys []PublicKey, revoked []string) (*Verifier, error) {
	v := &Verifier{keys: make(map[string]PublicKey), revoked: make(map[string]bool)}
	for _, value := range revoked {
		if keyIDs.MatchString(value) {
			v.revoked[value] = true
			continue
		}
		key, err := ParsePublicKey(value)
		if err != nil {
			return nil, fmt.Errorf("%w; allowed are public keys and their IDs, which have 16 hexadecimal digits", err)
		}
		v.revoked[key.ID()] = true
	}
	for _, key := range keys {
		v.keys[key.ID()] = key
	}
	return v, nil
}

// Trusts reports whether signatures of key are accepted.
func (v *Verifier) Trusts(key PublicKey) bool {
	_, known := v.keys[key.ID()]
	return known && !v.revoked[key.ID()]
}

// SignedStatement is the content of an envelope.
type SignedStatement struct {
	Statement Statement
	KeyID     string // of the key that signed it
}

// Read reads an envelope without verifying it. Anyone can write one.
func Read(envelope string) (SignedStatement, error) {
	payload, err := readEnvelope(artifactType, envelope)
	return signedStatement(payload, err)
}

// Verify opens an envelope about an entry, see [Verifier.Open].
func (v *Verifier) Verify(envelope string) (SignedStatement, error) {
	payload, err := v.Open(artifactType, envelope)
	return signedStatement(payload, err)
}

func signedStatement(payload Payload, err error) (SignedStatement, error) {
	if err != nil {
		return SignedStatement{}, err
	}
	statement, err := parseStatement(payload.Content)
	return SignedStatement{statement, payload.KeyID}, err
}
