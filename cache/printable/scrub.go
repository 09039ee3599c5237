package printable

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Redacted replaces a secret.
const Redacted = "REDACTED"

// secretForms find secrets by their form. The group of each is what may be shown before the
// secret.
var secretForms = []*regexp.Regexp{
	// Values by their names, in a URL, a form, JSON, a connection string or a command line.
	regexp.MustCompile(`(?i)(\b(?:sig|client_secret|client_assertion|assertion|password|passwd|pwd|token|access_token|refresh_token|id_token|accesstoken|refreshtoken|idtoken|accountkey|sharedaccesssignature|clientsecret|secret)(?:\s*=\s*|["']\s*:\s*)["']?)[^\s"'&;,<>]+`),
	regexp.MustCompile(`(?i)(--(?:password|client-secret|federated-token|account-key|sas-token)[ =]["']?)[^\s"']+`),
	regexp.MustCompile(`(?i)(\b(?:bearer|basic|sharedkey(?:lite)?)\s+)[A-Za-z0-9+/=._~:-]{16,}`),
	// A JWT; a refresh token and a client secret of Entra ID; a key of a storage account.
	regexp.MustCompile(`(\b)eyJ[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)+`),
	regexp.MustCompile(`(\b)[01]\.A[A-Za-z0-9_-]{40,}(?:\.[A-Za-z0-9_-]*)*`),
	regexp.MustCompile(`(\b|^)[A-Za-z0-9_.~-]{3}[78]Q~[A-Za-z0-9_.~-]{31,37}`),
	regexp.MustCompile(`(\b|^)[A-Za-z0-9+/]{86}==`),
}

// userInfo finds the user and password of a URL.
var userInfo = regexp.MustCompile(`(\b[a-z][a-z0-9+.-]*://)[^\s/@"']+@`)

// example is a URL in our own messages.
const example = "http://USER:PASSWORD@"

// minSecret is the length of the shortest secret that Scrub searches for, in bytes. A
// shorter one might be part of a word.
const minSecret = 6

// Scrub removes the given secrets, and everything that has the form of one. Use it for
// strings of servers and programs, which may repeat their input.
func Scrub(s string, secrets ...string) string {
	var known []string
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); len(secret) >= minSecret {
			known = append(known, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, secret := range known {
		s = strings.ReplaceAll(s, secret, Redacted)
	}
	for _, form := range secretForms {
		s = form.ReplaceAllString(s, "${1}"+Redacted)
	}
	return userInfo.ReplaceAllStringFunc(s, func(found string) string {
		if found == example {
			return found
		}
		return userInfo.ReplaceAllString(found, "${1}"+Redacted+"@")
	})
}
