package endpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// ConnectionString is a parsed connection string.
type ConnectionString struct {
	Endpoint string // of the blob service, without a slash at its end
	Account  string // of Key; "" with a SAS
	Key      Secret // base64; "" with a SAS
	SAS      Secret // a query without its question mark
	// Proxy is the URL of the proxy to the emulator, or "". Only the emulator has one.
	Proxy Secret
	// Odd describes parts that look wrong but are used, as the SDK uses them.
	Odd []string
}

// development is the meaning of the emulator's short form. Its account and key are public
// (learn.microsoft.com/azure/storage/common/storage-connect-azurite).
const development = "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;" +
	"AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;" +
	"BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1"

// The names of parts.
const (
	partProtocol = "DefaultEndpointsProtocol"
	partAccount  = "AccountName"
	partKey      = "AccountKey"
	partSAS      = "SharedAccessSignature"
	partEndpoint = "BlobEndpoint"
	partSuffix   = "EndpointSuffix"
	partEmulator = "UseDevelopmentStorage"
	partProxy    = "DevelopmentStorageProxyUri"
)

// ParseConnectionString reads a connection string as users provide it, possibly after the
// name of its variable. It accepts what @azure/storage-blob accepts, with the same
// endpoint, account and credential (extractConnectionStringParts, version 12.34.0),
// because an application and the cache often share one. It also accepts what only the SDK
// for Go does: a key without DefaultEndpointsProtocol or EndpointSuffix.
//
// It is stricter in one point: the endpoint must be one that [Parse] accepts, and https
// unless it is on this machine. The error contains no part of the string.
func ParseConnectionString(secret Secret, names ...string) (ConnectionString, error) {
	text := unwrap.Value(secret.Reveal(), names...)
	c, err := parseConnectionString(text)
	if usual := withUsualNames(text); err != nil && usual != text {
		return parseConnectionString(usual)
	}
	return c, err
}

func parseConnectionString(text string) (ConnectionString, error) {
	var c ConnectionString
	if value, _ := valueOf(text, partEmulator); strings.EqualFold(value, "true") {
		proxy, _ := valueOf(text, partProxy)
		if _, err := ParseProxy(proxy); proxy != "" && err != nil {
			return c, fmt.Errorf("its %s is %w", partProxy, err)
		}
		c.Proxy, text = Secret(proxy), development
	}
	c.noteLineBreaks(text)
	endpoint, _ := valueOf(text, partEndpoint)
	endpoint = strings.TrimSuffix(endpoint, "/")
	if isKeyUsed(text) {
		return c, c.readKey(text, endpoint)
	}
	sas, _ := valueOf(text, partSAS)
	if c.SAS = Secret(queryOf(strings.TrimPrefix(sas, "?"))); c.SAS == "" {
		return c, errors.New("its SharedAccessSignature is empty")
	}
	if endpoint != "" {
		return c, c.readEndpoint(endpoint)
	}
	account, _ := valueOf(text, partAccount)
	return c, c.makeEndpoint(text, account)
}

// isKeyUsed reports whether a key signs in. With a key and a SAS, the SAS does unless
// DefaultEndpointsProtocol is set.
func isKeyUsed(text string) bool {
	_, hasSAS := valueOf(text, partSAS)
	return !hasSAS || isKeyOfSDK(text)
}

// isKeyOfSDK reports whether the SDK for JavaScript would sign in with a key.
func isKeyOfSDK(text string) bool {
	return strings.Contains(text, partProtocol+"=") && strings.Contains(text, partKey+"=")
}

func (c *ConnectionString) readKey(text, endpoint string) error {
	var hasAccount, hasKey bool
	var key string
	c.Account, hasAccount = valueOf(text, partAccount)
	key, hasKey = valueOf(text, partKey)
	decoded, isClean := lenientBase64(key)
	switch {
	case !hasKey:
		return errors.New("it needs an AccountKey or SharedAccessSignature")
	case !hasAccount && endpoint == "":
		return errors.New("it needs an AccountName or BlobEndpoint")
	case c.Account == "":
		return errors.New("it has an AccountKey but no AccountName")
	case strings.ContainsFunc(c.Account, func(r rune) bool { return r < ' ' || r > '~' }):
		return errors.New("its AccountName has characters that an account name cannot have")
	case len(decoded) == 0, !isClean && !isKeyOfSDK(text):
		return errors.New("its AccountKey is not base64")
	case !isClean:
		c.Odd = append(c.Odd, "its AccountKey has characters that are not base64 and are ignored")
	}
	c.Key = Secret(base64.StdEncoding.EncodeToString(decoded))
	if endpoint != "" {
		return c.readEndpoint(endpoint)
	}
	return c.makeEndpoint(text, c.Account)
}

// makeEndpoint builds the endpoint of a string without BlobEndpoint.
func (c *ConnectionString) makeEndpoint(text, account string) error {
	if account == "" {
		return errors.New("it needs an AccountName or BlobEndpoint")
	}
	protocol, hasProtocol := valueOf(text, partProtocol)
	if !hasProtocol {
		protocol = "https"
	}
	if !strings.EqualFold(protocol, "https") && !strings.EqualFold(protocol, "http") {
		return errors.New("its DefaultEndpointsProtocol is neither https nor http")
	}
	suffix, _ := valueOf(text, partSuffix)
	if suffix == "" {
		suffix = "core.windows.net"
	}
	return c.readEndpoint(protocol + "://" + account + ".blob." + suffix)
}

func (c *ConnectionString) readEndpoint(text string) error {
	at, ok := Parse(text)
	switch {
	case !ok:
		return errors.New("its AccountName or BlobEndpoint does not make the URL of a storage account")
	case !at.IsSafe():
		return errors.New("its endpoint is http, and a key or SAS must not be sent in clear text: set " +
			"DefaultEndpointsProtocol=https, or use an https BlobEndpoint")
	}
	if at.Port == DefaultPort(at.Scheme) {
		at.Port = ""
	}
	c.Endpoint = at.String()
	return nil
}

// noteLineBreaks notes parts with a line break; what follows the break is ignored.
func (c *ConnectionString) noteLineBreaks(text string) {
	for _, name := range partNames {
		for element := range strings.SplitSeq(text, ";") {
			element = trimSpace(element)
			if strings.HasPrefix(element, name) && strings.ContainsFunc(element, endsLine) {
				c.Odd = append(c.Odd, fmt.Sprintf("its %s has a line break, and everything after it is ignored", name))
			}
		}
	}
}

// partNames are the names of all parts that are read.
var partNames = []string{partProtocol, partAccount, partKey, partSAS, partEndpoint, partSuffix, partEmulator, partProxy}

// withUsualNames spells the names of parts as the SDK does, which is case-sensitive, and
// removes white space around them.
func withUsualNames(text string) string {
	elements := strings.Split(text, ";")
	for i, element := range elements {
		name, value, hasValue := strings.Cut(element, "=")
		for _, usual := range partNames {
			if hasValue && strings.EqualFold(trimSpace(name), usual) {
				elements[i] = usual + "=" + trimSpace(value)
			}
		}
	}
	return strings.Join(elements, ";")
}

// valueOf returns the value of the first part with this name. White space around parts is
// ignored.
func valueOf(text, name string) (value string, ok bool) {
	for element := range strings.SplitSeq(text, ";") {
		element = trimSpace(element)
		if !strings.HasPrefix(element, name) {
			continue
		}
		if _, value, ok = strings.Cut(element, name+"="); ok {
			if end := strings.IndexFunc(value, endsLine); end >= 0 {
				value = value[:end]
			}
			return value, true
		}
	}
	return "", false
}

// trimSpace removes what JavaScript's trim removes.
func trimSpace(text string) string {
	return strings.TrimFunc(text, func(r rune) bool { return unicode.IsSpace(r) && r != '\u0085' || r == '\ufeff' })
}

// endsLine reports whether a JavaScript regular expression ends a line at r.
func endsLine(r rune) bool { return slices.Contains([]rune{'\n', '\r', '\u2028', '\u2029'}, r) }

// lenientBase64 decodes as Node does: also the URL alphabet, without padding, ignoring
// invalid characters. isClean is false if there were any.
func lenientBase64(text string) (decoded []byte, isClean bool) {
	isClean = true
	var digits strings.Builder
	text, _, _ = strings.Cut(text, "=")
	for _, r := range text {
		switch {
		case r == '-':
			digits.WriteByte('+')
		case r == '_':
			digits.WriteByte('/')
		case r == '+' || r == '/' || r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			digits.WriteRune(r)
		case !unicode.IsSpace(r):
			isClean = false
		}
	}
	whole := digits.String()
	if len(whole)%4 == 1 { // a single last digit makes no byte
		whole = whole[:len(whole)-1]
	}
	decoded, _ = base64.RawStdEncoding.DecodeString(whole) // only valid digits are left
	return decoded, isClean
}

// queryOf encodes a SAS as JavaScript's URL parser encodes a query.
func queryOf(sas string) string {
	sas, _, _ = strings.Cut(sas, "#")
	var b strings.Builder
	for i := range len(sas) {
		switch c := sas[i]; {
		case c == '\t':
		case c <= ' ' || c > '~' || strings.IndexByte(`"'<>`, c) >= 0:
			fmt.Fprintf(&b, "%%%02X", c)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}
