package printable

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// Redacted is what stands in the place of a secret.
const Redacted = "REDACTED"

// secretForms find secrets by their form. Each has a group around what may be shown
// before it.
var secretForms = []*regexp.Regexp{
	// Values by their names: of a URL, a form, JSON, a connection string or a command line.
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

// example is a URL of our own lines.
const example = "http://USER:PASSWORD@"

// minSecret is the shortest secret that is looked for as it is, in bytes: a shorter
// one would hide words.
const minSecret = 6

// Scrub returns text without secrets: those that are named, and what has the form of
// one. It is for the strings of servers and programs, which repeat what they got.
func Scrub(text string, secrets ...string) string {
	var known []string
	for _, secret := range secrets {
		if secret = strings.TrimSpace(secret); len(secret) >= minSecret {
			known = append(known, secret, url.QueryEscape(secret), url.PathEscape(secret))
		}
	}
	slices.SortFunc(known, func(a, b string) int { return len(b) - len(a) }) // one may be a part of another
	for _, secret := range known {
		text = strings.ReplaceAll(text, secret, Redacted)
	}
	for _, form := range secretForms {
		text = form.ReplaceAllString(text, "${1}"+Redacted)
	}
	return userInfo.ReplaceAllStringFunc(text, func(found string) string {
		if found == example {
			return found
		}
		return userInfo.ReplaceAllString(found, "${1}"+Redacted+"@")
	})
}
