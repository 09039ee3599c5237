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

// SigningKeyVariable holds the private key of trusted runs in one of the forms that
// [decode] reads, or the path of a file with one of them.
const SigningKeyVariable = "NX_AZURE_CACHE_SIGNING_KEY"

// PublicKey is an Ed25519 key that verifies.
type PublicKey struct{ key ed25519.PublicKey }

// PrivateKey is an Ed25519 key that signs. It is a function, so that no format
// verb shows it.
type PrivateKey struct{ reveal func() ed25519.PrivateKey }

func privateKey(key ed25519.PrivateKey) PrivateKey {
	return PrivateKey{func() ed25519.PrivateKey { return key }}
}

// GenerateKey makes a new key.
func GenerateKey() (PrivateKey, error) {
	_, key, err := ed25519.GenerateKey(nil)
	return privateKey(key), err
}

// Public is the key that verifies what this one signs.
func (k PrivateKey) Public() PublicKey { return PublicKey{k.reveal().Public().(ed25519.PublicKey)} }

// PEM is the key as openssl writes it (PKCS #8). It is a secret.
func (k PrivateKey) PEM() []byte {
	der, err := x509.MarshalPKCS8PrivateKey(k.reveal())
	if err != nil {
		panic(err) // Ed25519 keys have a form
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// String is the key as it stands in nx.json: what openssl writes between the
// lines of a public key, base64 of its SubjectPublicKeyInfo.
func (k PublicKey) String() string { return base64.StdEncoding.EncodeToString(k.der()) }

func (k PublicKey) der() []byte {
	der, err := x509.MarshalPKIXPublicKey(k.key)
	if err != nil {
		panic(err) // Ed25519 keys have a form
	}
	return der
}

// ID names the key in signatures and lists: the first 16 hexadecimal digits of
// the SHA-256 of its SubjectPublicKeyInfo.
func (k PublicKey) ID() string {
	digest := sha256.Sum256(k.der())
	return hex.EncodeToString(digest[:8])
}

var keyIDs = regexp.MustCompile(`^[0-9a-f]{16}$`)

// ParsePublicKey reads a public key as it stands in nx.json, or in another of the forms
// that [decode] reads. The error does not repeat the text: it may be the private key.
func ParsePublicKey(text string) (PublicKey, error) {
	der, err := decode(text)
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

// ParsePrivateKey reads a private key (PKCS #8) in one of the forms that [decode] reads.
// The error does not repeat the text.
func ParsePrivateKey(text string) (PrivateKey, error) {
	der, err := decode(text)
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

// maxKeyFile is how much is read of a file with a key, in bytes.
const maxKeyFile = 16 << 10

// SigningKey is the private key of [SigningKeyVariable]; ok is false where that is
// not set. The error does not repeat the value.
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

// keyInFile reads the private key in a file. Where there is no such file, the
// value was perhaps meant to be a key, and the error says why it is none. (A path
// can look like base64, too.)
func keyInFile(value string, notKey error) (PrivateKey, error) {
	text, err := readKeyFile(value)
	if err == nil {
		return ParsePrivateKey(text)
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
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	return string(text), err
}
