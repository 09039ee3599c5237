package license

import (
	"fmt"

	"github.com/nx-azure-cache/nx-azure-cache/cache/unwrap"
)

// maxSize is the maximum size of a token, and of a license file, in bytes.
const maxSize = 64 << 10

// Token is an unchecked license. It prints as the place where it was found, never as itself.
type Token struct {
	// text is nil if no license was found. It is a pointer, because fmt does not call
	// String on the unexported fields of a caller's struct, but prints a pointer as an
	// address.
	text    *string
	source  string
	refused *refusal // why text is nil
}

// names may precede a token that was copied as a line of a file.
var names = []string{Variable, "license"}

// NewToken returns a token from another place than those of [Find]. It removes what a paste
// adds. source completes the sentence "the license in …".
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

// refusal is the Status and the Reason of an invalid license.
type refusal struct {
	status Status
	reason string
}

// Error makes a refusal an error, for the functions of package jwt.
func (r *refusal) Error() string { return r.reason }

// refuse completes "the license in …".
func (t Token) refuse(status Status, format string, args ...any) *refusal {
	return &refusal{status, "the license in " + t.source + " " + fmt.Sprintf(format, args...)}
}

// The fix of a malformed license depends on who can fix it.
const (
	copyAgain = "copy it again, whole, as its issuer gave it to you"
	askIssuer = "ask its issuer for a correct one"
)

func (t Token) malformed(fix, format string, args ...any) *refusal {
	return t.refuse(Malformed, "is malformed: %s; %s", fmt.Sprintf(format, args...), fix)
}
