package license

import (
	"cmp"
	"crypto/ed25519"
	_ "embed"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// developmentIssuers are the issuers that a source build trusts.
//
//go:embed issuers.json
var developmentIssuers []byte

// issuers is a JWKS in base64 that a release build sets with the linker's -X, which supports
// only strings. It replaces the development issuer, because a release must not accept
// licenses that anyone can sign.
var issuers string

// Issuers returns the keys that this build trusts. An error means that the build is broken.
func Issuers() (KeySet, error) {
	if issuers == "" {
		return ParseKeySet(developmentIssuers)
	}
	data, err := base64.StdEncoding.DecodeString(issuers)
	if err != nil {
		return KeySet{}, fmt.Errorf("issuers set at link time: %w", err)
	}
	keys, err := ParseKeySet(data)
	if err != nil {
		return KeySet{}, fmt.Errorf("issuers set at link time: %w", err)
	}
	return keys, nil
}

// KeySet holds the public keys of issuers. The zero KeySet trusts no one.
type KeySet struct {
	keys map[string]key // by kid
}

type key struct {
	issuer string
	public ed25519.PublicKey
}

// ParseKeySet parses a JWKS as the package documentation specifies it. It rejects unknown
// keys, which RFC 7517 ignores, because every key in this set is meant to work.
func ParseKeySet(data []byte) (KeySet, error) {
	var set struct {
		// Not []jwk: where a member comes twice, package json would fill the keys
		// of the second with what is missing there from the first.
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return KeySet{}, fmt.Errorf("key set: %w", err)
	}
	if len(set.Keys) == 0 {
		return KeySet{}, errors.New(`key set: "keys" is missing or empty, want at least one key`)
	}
	keys := make(map[string]key, len(set.Keys))
	for i, data := range set.Keys {
		var j jwk
		if err := json.Unmarshal(data, &j); err != nil {
			return KeySet{}, fmt.Errorf("key set: key %d: %w", i+1, err)
		}
		k, err := j.key()
		if err != nil {
			return KeySet{}, fmt.Errorf("key set: key %d (kid %q): %w", i+1, j.KeyID, err)
		}
		if _, taken := keys[j.KeyID]; taken {
			return KeySet{}, fmt.Errorf("key set: key %d (kid %q): an earlier key has the same kid", i+1, j.KeyID)
		}
		keys[j.KeyID] = k
	}
	return KeySet{keys}, nil
}

// names lists the issuers for a message.
func (s KeySet) names() string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.issuer)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	const most = 3
	if others := len(names) - most; others > 0 {
		names = append(names[:most], count(others, "other"))
	}
	return cmp.Or(strings.Join(names, " or "), "no issuer")
}

// developmentIssuer is the issuer of issuers.json.
const developmentIssuer = "https://nx-azure-cache.dev/development"

// whereToAsk completes "no license found": who issues licenses that this build accepts.
func (s KeySet) whereToAsk() string {
	switch names := s.names(); {
	case len(s.keys) == 0:
		return ""
	case names == developmentIssuer:
		return "; this build from source trusts the public development key: issue a license to yourself"
	default:
		return fmt.Sprintf("; ask %s for one", names)
	}
}

// jwk is a public key as RFC 8037, section 2, writes it.
type jwk struct {
	Type      string          `json:"kty"`
	Curve     string          `json:"crv"`
	KeyID     string          `json:"kid"`
	Issuer    string          `json:"iss"`
	Public    string          `json:"x"`
	Algorithm string          `json:"alg"`
	Use       string          `json:"use"`
	Private   json.RawMessage `json:"d"`
}

// maxIssuer bounds, in bytes, the name of an issuer.
const maxIssuer = 200

func (j jwk) key() (key, error) {
	switch {
	case j.Private != nil:
		// It would be built into every binary.
		return key{}, errors.New("it has a private part (d), which does not belong here")
	case j.Type != "OKP":
		return key{}, fmt.Errorf("its kty is %q, want \"OKP\"", j.Type)
	case j.Curve != "Ed25519":
		return key{}, fmt.Errorf("its crv is %q, want \"Ed25519\"", j.Curve)
	case j.Algorithm != "" && j.Algorithm != "EdDSA":
		return key{}, fmt.Errorf("its alg is %q, want \"EdDSA\" or none", j.Algorithm)
	case j.Use != "" && j.Use != "sig":
		return key{}, fmt.Errorf("its use is %q, want \"sig\" or none", j.Use)
	case j.KeyID == "":
		return key{}, errors.New("it has no kid")
	case j.Issuer == "":
		return key{}, errors.New("it has no iss, which binds it to its issuer")
	case len(j.Issuer) > maxIssuer || !printable.Is(j.Issuer):
		// A message tells users to ask there for another license.
		return key{}, fmt.Errorf("its iss is %.80q, want at most %d bytes that can be shown on a line", j.Issuer, maxIssuer)
	}
	public, err := base64.RawURLEncoding.Strict().DecodeString(j.Public)
	if err != nil {
		return key{}, fmt.Errorf("its x is not base64url without padding: %w", err)
	}
	if len(public) != ed25519.PublicKeySize {
		return key{}, fmt.Errorf("its x has %d bytes, want %d", len(public), ed25519.PublicKeySize)
	}
	return key{j.Issuer, public}, nil
}
