package trust

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// payloadType is the type of the payload in an envelope.
const payloadType = "application/vnd.nx-azure-cache.artifact+json"

// maxEnvelope is the length of the longest envelope, in bytes, which is the limit of a
// blob's metadata.
const maxEnvelope = 8 << 10

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

// Sign returns an envelope with the statement and its signature. It is JSON as DSSE
// specifies it (github.com/secure-systems-lab/dsse/blob/master/envelope.md), and has only
// characters that a blob's metadata can hold.
func (s *Signer) Sign(statement Statement) (envelope string, err error) {
	signed, err := s.envelopes.SignPayload(context.Background(), payloadType, statement.payload())
	if err != nil {
		return "", err
	}
	encoded, err := json.Marshal(signed)
	return string(encoded), err
}

// dsseSigner is a [dsse.Signer].
type dsseSigner struct{ PrivateKey }

func (s dsseSigner) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.reveal(), data), nil
}

func (s dsseSigner) KeyID() (string, error) { return s.Public().ID(), nil }

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
	e, err := parseEnvelope(envelope)
	if err != nil {
		return SignedStatement{}, err
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return SignedStatement{}, errors.New("the payload of its envelope is not base64")
	}
	statement, err := parseStatement(payload)
	return SignedStatement{statement, printable.String(fmt.Sprintf("%.16s", e.Signatures[0].KeyID))}, err
}

// Verify opens an envelope if an accepted key has signed it. The error says which check
// failed. The key ID in an envelope only selects the key that verifies the signature.
func (v *Verifier) Verify(envelope string) (SignedStatement, error) {
	e, err := parseEnvelope(envelope)
	if err != nil {
		return SignedStatement{}, err
	}
	id := e.Signatures[0].KeyID
	if v.revoked[id] {
		return SignedStatement{}, fmt.Errorf("it is signed with the key %s, which is revoked", id)
	}
	key, ok := v.keys[id]
	if !ok {
		return SignedStatement{}, fmt.Errorf("it is signed with the key %.16q, which is not one of azure.trust.publicKeys", id)
	}
	envelopes, err := dsse.NewEnvelopeVerifier(dsseVerifier{key})
	if err != nil {
		return SignedStatement{}, err
	}
	_, payload, err := envelopes.VerifyAndDecode(context.Background(), e)
	if err != nil {
		return SignedStatement{}, fmt.Errorf("its signature is invalid: the key %s did not sign this", id)
	}
	statement, err := parseStatement(payload)
	return SignedStatement{statement, id}, err
}

// parseEnvelope parses an envelope as Sign makes it: of one type, with one signature that
// names its key.
func parseEnvelope(envelope string) (*dsse.Envelope, error) {
	var e dsse.Envelope
	switch {
	case envelope == "":
		return nil, errors.New("it is not signed")
	case len(envelope) > maxEnvelope || json.Unmarshal([]byte(envelope), &e) != nil:
		return nil, errors.New("its envelope is not valid DSSE")
	case e.PayloadType != payloadType:
		return nil, fmt.Errorf("its envelope has the type %.80q instead of %s", e.PayloadType, payloadType)
	case len(e.Signatures) != 1:
		return nil, fmt.Errorf("its envelope has %d signatures instead of one", len(e.Signatures))
	}
	return &e, nil
}

// dsseVerifier is a [dsse.Verifier].
type dsseVerifier struct{ PublicKey }

func (v dsseVerifier) Verify(_ context.Context, data, signature []byte) error {
	if !ed25519.Verify(v.key, data, signature) {
		return errors.New("the signature is invalid")
	}
	return nil
}

func (v dsseVerifier) KeyID() (string, error) { return v.ID(), nil }

func (v dsseVerifier) Public() crypto.PublicKey { return v.key }
