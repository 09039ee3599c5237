package trust

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// A key reaches a job in many forms, because CIs join its lines, mask only single lines, or
// require JSON. These are all the same key:
//
//   - PEM, whose lines may end with CRLF, be indented, or be joined by spaces or by `\n`;
//   - the base64 of PEM, as `openssl base64 -in key.pem` writes it, in one line or several;
//   - the base64 of DER, which PEM has between its first and its last line;
//   - DER itself, in a file.
//
// The base64 may use the alphabet of URLs and lack its padding. Each form may be wrapped in
// what [unwrap.Value] removes.

var errNoKeyForm = errors.New("neither PEM nor base64")

// pemBlock finds a key in PEM, with any or no line breaks. Other blocks, such as
// certificates, may come before it.
var pemBlock = regexp.MustCompile(`(?s)-----BEGIN[A-Z0-9\s]+KEY-----(.*?)-----END[A-Z0-9\s]+KEY-----`)

// escapes are the line breaks of JSON, also of JSON within JSON.
var escapes = regexp.MustCompile(`\\+[rnt]`)

// maxLayers is the maximum number of encodings around a key: PEM, its base64, and the base64
// of that, as in a Kubernetes secret.
const maxLayers = 3

// decode returns the DER of a key in one of its forms.
func decode(value string) ([]byte, error) {
	if isDER(value) {
		return []byte(value), nil
	}
	return decodeLayers(unwrap.File([]byte(value)), maxLayers)
}

// decodeLayers removes PEM, or up to so many layers of base64, until nothing decodes any
// further.
func decodeLayers(value string, layers int) ([]byte, error) {
	value = escapes.ReplaceAllString(unwrap.Value(value, SigningKeyVariable), "\n")
	if block := pemBlock.FindStringSubmatch(value); block != nil {
		return decodeBase64(block[1])
	}
	der, err := decodeBase64(value)
	if err != nil || !isText(der) || layers == 1 {
		return der, err
	}
	if inner, err := decodeLayers(string(der), layers-1); err == nil {
		return inner, nil
	}
	return der, nil
}

// derStart begins the DER of all keys: an ASN.1 sequence. It is also the digit 0.
const derStart = "\x30"

// isDER reports whether value is the DER of a key.
func isDER(value string) bool {
	if !strings.HasPrefix(value, derStart) {
		return false
	}
	_, notPrivate := x509.ParsePKCS8PrivateKey([]byte(value))
	_, notPublic := x509.ParsePKIXPublicKey([]byte(value))
	return notPrivate == nil || notPublic == nil
}

// isText reports whether decoded base64 may be another form of a key. The DER of a key
// contains bytes that are not text.
func isText(data []byte) bool {
	for _, c := range data {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(data) > 0
}

// fromURLAlphabet converts the base64 alphabet of URLs to the standard one.
var fromURLAlphabet = strings.NewReplacer("-", "+", "_", "/")

func decodeBase64(value string) ([]byte, error) {
	value = strings.TrimRight(strings.Join(strings.Fields(value), ""), "=")
	der, err := base64.RawStdEncoding.DecodeString(fromURLAlphabet.Replace(value))
	if err != nil {
		return nil, errNoKeyForm // the original error has the position in a secret
	}
	return der, nil
}
