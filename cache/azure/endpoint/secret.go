package endpoint

import (
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

const redacted = printable.Redacted

// Secret is a string that no format verb prints.
type Secret string

func (Secret) String() string { return redacted }

// Format redacts a secret for every verb, even unsuitable ones.
func (Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText redacts a secret in JSON and structured logs.
func (Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Reveal returns the string itself.
func (s Secret) Reveal() string { return string(s) }

// rules are the lines that azidentity draws between the parts of an error.
var rules = regexp.MustCompile(`-{4,}`)

// Scrubber returns a string as one line without secrets. It is a function so that no
// format verb prints the secrets that it knows.
type Scrubber func(text string) string

// NewScrubber returns a Scrubber for these secrets.
func NewScrubber(known ...Secret) Scrubber {
	var secrets []string
	for _, secret := range known {
		if text := secret.Reveal(); text != "" {
			secrets = append(secrets, text)
		}
	}
	return func(text string) string {
		text = printable.Scrub(text, secrets...)
		return strings.Join(strings.Fields(rules.ReplaceAllString(text, "")), " ")
	}
}
