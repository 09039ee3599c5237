package trust

import (
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// SigningKeyVariable holds the private key of trusted runs in any form that [decode] reads,
// or the path of a file with one of them.
const SigningKeyVariable = "NX_AZURE_CACHE_SIGNING_KEY"

// PublicKey is an Ed25519 key that verifies signatures.
type PublicKey struct{ key ed25519.PublicKey }

// PrivateKey is an Ed25519 key that signs. It is a function, so that no format verb prints
// it.
type PrivateKey struct{ reveal func() ed25519.PrivateKey }

func privateKey(key ed25519.PrivateKey) PrivateKey {
	return PrivateKey{func() ed25519.PrivateKey { return key }}
}

// GenerateKey generates a new key.
func GenerateKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	return privateKey(key), err
}

// Public is the key that verifies the signatures of this one.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.reveal().Public().(ed25519.PublicKey)} }

// PEM is the key as openssl writes it (PKCS #8). It is a secret.
func (k PrivateKey) PEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.reveal())
	if err != nil {
		panic(err) // Ed25519 keys can be marshaled
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// String is the key in the form of nx.json: the base64 of its SubjectPublicKeyInfo, which
// openssl writes between the lines BEGIN and END.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.der()) }

func (k PublicKey) der() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		panic(err) // Ed25519 keys can be marshaled
	}
	return der
}

// ID identifies the key in signatures and lists. It is the first 16 hexadecimal digits of
// the SHA-256 of its SubjectPublicKeyInfo.
func (k PublicKey) ID() string {
	digest := sha256.Sum256(k.der())
	return hex.EncodeToString(digest[:8])
}

var keyIDs = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ParsePublicKey parses a public key in any form that [decode] reads. The error does not
// repeat the value, which may be the private key.
func ParsePublicKey(value string) (PublicKey, error) {
	der, err := decode(value)
	if err != nil {
		return PublicKey{}, errors.New("it is not the base64 of a public key")
	}
	if _, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		return PublicKey{}, errors.New("it is a private key, and no longer secret; generate another one")
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return PublicKey{}, errors.New("it is not a public key; to make one, run nx-azure-cache keys generate")
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("it is a %T; only Ed25519 is supported", key)
	}
	return PublicKey{public}, nil
}

// ParsePrivateKey parses a private key (PKCS #8) in any form that [decode] reads. The error
// does not repeat the value.
func ParsePrivateKey(value string) (PrivateKey, error) {
	der, err := decode(value)
	if err != nil {
		return PrivateKey{}, errors.New("it is neither PEM nor base64")
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		if _, err := x509.ParsePKIXPublicKey(der); err == nil {
			return PrivateKey{}, errors.New("it is a public key, which belongs in azure.trust.publicKeys in nx.json")
		}
		return PrivateKey{}, errors.New("it is not a PKCS #8 private key, or it has a passphrase")
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return PrivateKey{}, fmt.Errorf("it is a %T; only Ed25519 is supported", key)
	}
	return privateKey(private), nil
}

// maxKeyFile is how much of a key file is read, in bytes.
const maxKeyFile = 16 << 10

// SigningKey returns the private key of [SigningKeyVariable]; ok is false if the variable is
// unset. The error does not repeat the value.
func SigningKey(getenv func(string) string) (key PrivateKey, ok bool, err error) {
	value := unwrap.Value(getenv(SigningKeyVariable), SigningKeyVariable)
	if value == "" {
		return PrivateKey{}, false, nil
	}
	key, err = ParsePrivateKey(value)
	if err != nil && !strings.Contains(value, "-----BEGIN ") {
		key, err = keyInFile(value, err)
	}
	if err != nil {
		return PrivateKey{}, true, fmt.Errorf("%s is not usable: %w", SigningKeyVariable, err)
	}
	return key, true, nil
}

// keyInFile reads the private key in a file. If there is no such file and the value looks
// like a key, it returns the error notKey. (A path can look like base64, too.)
func keyInFile(value string, notKey error) (PrivateKey, error) {
	content, err := readKeyFile(value)
	if err == nil {
		return ParsePrivateKey(content)
	}
	if der, err := decode(value); err == nil && strings.HasPrefix(string(der), derStart) {
		return PrivateKey{}, notKey
	}
	return PrivateKey{}, errors.New("it is neither a private key nor the path of a readable file")
}

func readKeyFile(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // opened for reading: nothing is lost
	content, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return string(content), err
}
