package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/nx-azure-cache/nx-azure-cache/license"
)

// privateKey is an issuer's key pair as a JWK (RFC 8037, appendix A.1), with the
// additional member iss.
type privateKey struct {
	publicKey
	Private string `json:"d"`
}

// publicKey is the half that a build contains.
type publicKey struct {
	Type   string `json:"kty"`
	Curve  string `json:"crv"`
	KeyID  string `json:"kid"`
	Issuer string `json:"iss"`
	Public string `json:"x"`
}

var encoding = base64.RawURLEncoding.Strict()

func generateKey(kid, issuer string) (privateKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return privateKey{}, err
	}
	key := privateKey{
		publicKey{"OKP", "Ed25519", kid, issuer, encoding.EncodeToString(public)},
		encoding.EncodeToString(private.Seed()),
	}
	_, err = key.keySet()
	return key, err
}

// readKey reads a key pair from a file that keygen wrote.
func readKey(path string) (privateKey, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return privateKey{}, err
	}
	var key privateKey
	if err := json.Unmarshal(data, &key); err != nil {
		return privateKey{}, fmt.Errorf("%s is not a private JWK: %w", path, err)
	}
	if _, err := key.keySet(); err != nil {
		return privateKey{}, fmt.Errorf("%s: %w", path, err)
	}
	if _, err := key.signer(); err != nil {
		return privateKey{}, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

// jwks returns the public half as the key set for a build.
func (k publicKey) jwks() ([]byte, error) {
	return indent(map[string][]publicKey{"keys": {k}})
}

// keySet returns a key set with the public half, or what is wrong with it. Package license
// checks it.
func (k publicKey) keySet() (license.KeySet, error) {
	data, err := k.jwks()
	if err != nil {
		return license.KeySet{}, err
	}
	return license.ParseKeySet(data)
}

// signer returns the private half, after checking that it belongs to the public one.
func (k privateKey) signer() (ed25519.PrivateKey, error) {
	seed, err := encoding.DecodeString(k.Private)
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, fmt.Errorf("its d is not %d bytes in base64url without padding", ed25519.SeedSize)
	}
	private := ed25519.NewKeyFromSeed(seed)
	if encoding.EncodeToString(private.Public().(ed25519.PublicKey)) != k.Public {
		return nil, errors.New("its d and x are not two halves of one key")
	}
	return private, nil
}

// indent returns v as JSON for a file: on several lines, and without \u003c for <.
func indent(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return b.Bytes(), err
}
