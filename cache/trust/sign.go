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

// payloadType says in an envelope what is signed.
const payloadType = "application/vnd.nx-azure-cache.artifact+json"

// maxEnvelope is the length of the longest envelope, in bytes: a blob's metadata
// hold no more.
const maxEnvelope = 8 << 10

// Signer signs statements.
type Signer struct {
	envelopes *dsse.EnvelopeSigner
	key       PublicKey
}

// NewSigner returns a signer with a key.
func NewSigner(key PrivateKey) *Signer {
	envelopes, err := dsse.NewEnvelopeSigner(signing{key})
	if err != nil {
		panic(err) // there is a key
	}
	return &Signer{envelopes, key.Public()}
}

// Key is the key that verifies what the signer signs.
func (s *Signer) Key() PublicKey { return s.key }

// Sign puts a statement into an envelope with a signature, in characters that a
// blob's metadata can hold: JSON as DSSE specifies it
// (github.com/secure-systems-lab/dsse/blob/master/envelope.md).
func (s *Signer) Sign(statement Statement) (envelope string, err error) {
	signed, err := s.envelopes.SignPayload(context.Background(), payloadType, statement.payload())
	if err != nil {
		return "", err
	}
	text, err := json.Marshal(signed)
	return string(text), err
}

// signing is a [dsse.Signer].
type signing struct{ PrivateKey }

func (s signing) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(s.reveal(), data), nil
}

func (s signing) KeyID() (string, error) { return s.Public().ID(), nil }

// Verifier knows which signatures count.
type Verifier struct {
	keys    map[string]PublicKey // by ID
	revoked map[string]bool      // by ID
}

// NewVerifier returns a verifier that believes the keys, but for those that are
// revoked: public keys as they stand in nx.json, or IDs.
func NewVerifier(keys []PublicKey, revoked []string) (*Verifier, error) {
	v := &Verifier{keys: make(map[string]PublicKey), revoked: make(map[string]bool)}
	for _, text := range revoked {
		if keyIDs.MatchString(text) {
			v.revoked[text] = true
			continue
		}
		key, err := ParsePublicKey(text)
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

// Believes reports whether what key signs counts.
func (v *Verifier) Believes(key PublicKey) bool {
	_, known := v.keys[key.ID()]
	return known && !v.revoked[key.ID()]
}

// Opened is what an envelope says.
type Opened struct {
	Statement Statement
	KeyID     string // who says so
}

// Read reads an envelope without verifying it: anybody can write one.
func Read(envelope string) (Opened, error) {
	e, err := parseEnvelope(envelope)
	if err != nil {
		return Opened{}, err
	}
	payload, err := e.DecodeB64Payload()
	if err != nil {
		return Opened{}, errors.New("the payload of its envelope is not base64")
	}
	statement, err := parseStatement(payload)
	return Opened{statement, printable.String(fmt.Sprintf("%.16s", e.Signatures[0].KeyID))}, err
}

// Verify opens an envelope, if a key that counts has signed it. The error says
// which check it has failed. The ID in an envelope is a hint: it chooses the key
// with which the signature is verified.
func (v *Verifier) Verify(envelope string) (Opened, error) {
	e, err := parseEnvelope(envelope)
	if err != nil {
		return Opened{}, err
	}
	id := e.Signatures[0].KeyID
	if v.revoked[id] {
		return Opened{}, fmt.Errorf("it is signed with the key %s, which is revoked", id)
	}
	key, ok := v.keys[id]
	if !ok {
		return Opened{}, fmt.Errorf("it is signed with the key %.16q, which is not one of azure.trust.publicKeys", id)
	}
	envelopes, err := dsse.NewEnvelopeVerifier(verifying{key})
	if err != nil {
		return Opened{}, err
	}
	_, payload, err := envelopes.VerifyAndDecode(context.Background(), e)
	if err != nil {
		return Opened{}, fmt.Errorf("its signature is invalid: the key %s did not sign this", id)
	}
	statement, err := parseStatement(payload)
	return Opened{statement, id}, err
}

// parseEnvelope reads an envelope as Sign makes it: of one type, with one
// signature that names its key.
func parseEnvelope(text string) (*dsse.Envelope, error) {
	var e dsse.Envelope
	switch {
	case text == "":
		return nil, errors.New("it is not signed")
	case len(text) > maxEnvelope || json.Unmarshal([]byte(text), &e) != nil:
		return nil, errors.New("its envelope is not valid DSSE")
	case e.PayloadType != payloadType:
		return nil, fmt.Errorf("its envelope has the type %.80q instead of %s", e.PayloadType, payloadType)
	case len(e.Signatures) != 1:
		return nil, fmt.Errorf("its envelope has %d signatures instead of one", len(e.Signatures))
	}
	return &e, nil
}

// verifying is a [dsse.Verifier].
type verifying struct{ PublicKey }

func (v verifying) Verify(_ context.Context, data, signature []byte) error {
	if !ed25519.Verify(v.key, data, signature) {
		return errors.New("the signature is invalid")
	}
	return nil
}

func (v verifying) KeyID() (string, error) { return v.ID(), nil }

func (v verifying) Public() crypto.PublicKey { return v.key }
