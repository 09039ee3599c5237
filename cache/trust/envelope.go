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

// PayloadType says what the payload of an envelope is about. The signature covers it, so an
// envelope of one type never counts as one of another.
type PayloadType string

// maxEnvelope is the length of the longest envelope, in bytes, which is the limit of a
// blob's metadata.
const maxEnvelope = 8 << 10

// Seal returns an envelope with the payload and its signature. It is JSON as DSSE
// specifies it (github.com/secure-systems-lab/dsse/blob/master/envelope.md), and has only
// characters that a blob's metadata can hold.
func (s *Signer) Seal(of PayloadType, payload []byte) (envelope string, err error) {
	signed, err := s.envelopes.SignPayload(context.Background(), string(of), payload)
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

// Payload is the content of an envelope.
type Payload struct {
	Content []byte
	KeyID   string // of the key that signed it
}

// readEnvelope reads an envelope without verifying it.
func readEnvelope(of PayloadType, envelope string) (Payload, error) {
	e, err := parseEnvelope(of, envelope)
	if err != nil {
		return Payload{}, err
	}
	content, err := e.DecodeB64Payload()
	if err != nil {
		return Payload{}, errors.New("the payload of its envelope is not base64")
	}
	return Payload{content, printable.String(fmt.Sprintf("%.16s", e.Signatures[0].KeyID))}, nil
}

// Open opens an envelope of a type if an accepted key has signed it. The error says which
// check failed. The key ID in an envelope only selects the key that verifies the signature.
func (v *Verifier) Open(of PayloadType, envelope string) (Payload, error) {
	e, err := parseEnvelope(of, envelope)
	if err != nil {
		return Payload{}, err
	}
	id := e.Signatures[0].KeyID
	if v.revoked[id] {
		return Payload{}, fmt.Errorf("it is signed with the key %s, which is revoked", id)
	}
	key, ok := v.keys[id]
	if !ok {
		return Payload{}, fmt.Errorf("it is signed with the key %.16q, which is not one of azure.trust.publicKeys", id)
	}
	envelopes, err := dsse.NewEnvelopeVerifier(dsseVerifier{key})
	if err != nil {
		return Payload{}, err
	}
	_, content, err := envelopes.VerifyAndDecode(context.Background(), e)
	if err != nil {
		return Payload{}, fmt.Errorf("its signature is invalid: the key %s did not sign this", id)
	}
	return Payload{content, id}, nil
}

// parseEnvelope parses an envelope as Seal makes it: of one type, with one signature that
// names its key.
func parseEnvelope(of PayloadType, envelope string) (*dsse.Envelope, error) {
	var e dsse.Envelope
	switch {
	case envelope == "":
		return nil, errors.New("it is not signed")
	case len(envelope) > maxEnvelope || json.Unmarshal([]byte(envelope), &e) != nil:
		return nil, errors.New("its envelope is not valid DSSE")
	case e.PayloadType != string(of):
		return nil, fmt.Errorf("its envelope has the type %.80q instead of %s", e.PayloadType, of)
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
