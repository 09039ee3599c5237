package license

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// maxSize bounds, in bytes, a token and the file it is read from.
const maxSize = 64 << 10

// Token is a license as it was found, not yet checked. It prints as the place
// where it was found, never as itself.
type Token struct {
	// text is nil when nothing was found. It is a pointer because fmt does not
	// call String on the unexported fields of a caller's struct, but prints a
	// pointer there as an address.
	text    *string
	source  string
	refused *refusal // why text is nil
}

// names may stand in front of a token that was copied as a line of a file.
var names = []string{Variable, "license"}

// NewToken returns a token that was not found by [Find], without what a paste leaves
// around it. The source completes the sentence "the license in …".
func NewToken(text, source string) Token {
	text = unwrap.Value(text, names...)
	return Token{text: &text, source: source}
}

// Source returns where the token was found, or "" if there is none.
func (t Token) Source() string { return t.source }

func (t Token) String() string {
	if t.text == nil {
		return "no license"
	}
	return fmt.Sprintf("license in %s (redacted)", t.source)
}

// GoString keeps %#v from printing the token.
func (t Token) GoString() string { return fmt.Sprintf("license.Token(%q)", t.String()) }

// refusal is why a license is not valid, as Status and Reason say it.
type refusal struct {
	status Status
	reason string
}

// Error makes a refusal pass through the functions of package jwt.
func (r *refusal) Error() string { return r.reason }

// refuse completes "the license in …".
func (t Token) refuse(status Status, format string, args ...any) *refusal {
	return &refusal{status, "the license in " + t.source + " " + fmt.Sprintf(format, args...)}
}

// What to do about a malformed license depends on who can mend it.
const (
	copyAgain = "copy it again, whole, as its issuer gave it to you"
	askIssuer = "ask its issuer for a correct one"
)

func (t Token) malformed(advice, format string, args ...any) *refusal {
	return t.refuse(Malformed, "is malformed: %s; %s", fmt.Sprintf(format, args...), advice)
}
