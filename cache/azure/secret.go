package azure

import (
	"net/url"
	"regexp"
	"strings"
)

const redacted = "REDACTED"

// Secret is a text that no format verb prints.
type Secret string

func (Secret) String() string   { return redacted }
func (Secret) GoString() string { return redacted }

// MarshalText keeps a secret out of JSON and of structured logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the text itself.
func (s Secret) Reveal() string { return string(s) }

// signatures finds what makes a SAS secret, wherever it stands.
var signatures = regexp.MustCompile(`(?i)(\bsig=)[^&;\s"']+`)

// scrubber takes known secrets out of texts.
type scrubber struct{ secrets []string }

// newScrubber returns a scrubber for the key and the SAS in a connection string.
func newScrubber(connectionString string) scrubber {
	var s scrubber
	for part := range strings.SplitSeq(connectionString, ";") {
		key, value, _ := strings.Cut(part, "=")
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "accountkey", "sharedaccesssignature":
			s.add(value)
		}
	}
	return s
}

func (s *scrubber) add(secret string) {
	if secret != "" {
		s.secrets = append(s.secrets, secret, url.QueryEscape(secret))
	}
}

// text returns t on one line, without secrets.
func (s scrubber) text(t string) string {
	for _, secret := range s.secrets {
		t = strings.ReplaceAll(t, secret, redacted)
	}
	t = signatures.ReplaceAllString(t, "${1}"+redacted)
	return strings.Join(strings.Fields(t), " ")
}
