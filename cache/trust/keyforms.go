package trust

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// A key reaches a job in many forms: CIs join its lines, mask single lines only, or
// take JSON. All of these are the same key:
//
//   - PEM, whose lines may end in CRLF, be indented, be joined by spaces or by `\n`;
//   - the base64 of PEM, as `openssl base64 -in key.pem` writes it, in lines or in one;
//   - the base64 of DER, which is what PEM has between its first and its last line;
//   - DER itself, in a file.
//
// base64 may be that of URLs, and its padding may be missing. What [unwrap.Value]
// removes may be around each of them.

var errNoKeyForm = errors.New("neither PEM nor base64")

// pemBlock finds PEM, whatever has become of its line breaks. A key may stand behind
// other blocks, such as certificates.
var pemBlock = regexp.MustCompile(`(?s)-----BEGIN[A-Z0-9\s]+KEY-----(.*?)-----END[A-Z0-9\s]+KEY-----`)

// escapes are the line breaks of JSON, also of JSON within JSON.
var escapes = regexp.MustCompile(`\\+[rnt]`)

// maxLayers is how often base64 may be wrapped around a key: PEM, the base64 of that,
// and that once more, as in a secret of Kubernetes.
const maxLayers = 3

// decode returns the DER of a key in one of its forms.
func decode(text string) ([]byte, error) {
	if isDER(text) {
		return []byte(text), nil
	}
	return decodeLayers(unwrap.File([]byte(text)), maxLayers)
}

// decodeLayers removes PEM, or up to so many layers of base64. What does not decode any
// further is the key.
func decodeLayers(text string, layers int) ([]byte, error) {
	text = escapes.ReplaceAllString(unwrap.Value(text, SigningKeyVariable), "\n")
	if block := pemBlock.FindStringSubmatch(text); block != nil {
		return decodeBase64(block[1])
	}
	der, err := decodeBase64(text)
	if err != nil || !isText(der) || layers == 1 {
		return der, err
	}
	if inner, err := decodeLayers(string(der), layers-1); err == nil {
		return inner, nil
	}
	return der, nil
}

// derStart begins the DER of all keys: that of an ASN.1 sequence, and the digit 0.
const derStart = "\x30"

// isDER reports whether text is a key without any encoding around it.
func isDER(text string) bool {
	if !strings.HasPrefix(text, derStart) {
		return false
	}
	_, notPrivate := x509.ParsePKCS8PrivateKey([]byte(text))
	_, notPublic := x509.ParsePKIXPublicKey([]byte(text))
	return notPrivate == nil || notPublic == nil
}

// isText reports whether decoded base64 may be a further form of a key. DER of a key
// has bytes that no text has.
func isText(data []byte) bool {
	for _, c := range data {
		if (c < ' ' || c > '~') && c != '\n' && c != '\r' && c != '\t' {
			return false
		}
	}
	return len(data) > 0
}

// toStandard makes the alphabet of URLs the usual one.
var toStandard = strings.NewReplacer("-", "+", "_", "/")

func decodeBase64(text string) ([]byte, error) {
	text = strings.TrimRight(strings.Join(strings.Fields(text), ""), "=")
	der, err := base64.RawStdEncoding.DecodeString(toStandard.Replace(text))
	if err != nil {
		return nil, errNoKeyForm // without the position in a secret
	}
	return der, nil
}
