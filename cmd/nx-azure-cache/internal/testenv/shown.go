package testenv

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Hostile is what a checkout, the storage or a CI may say: it acts on a terminal, begins a
// line that looks like one of ours, and runs a command where a shell reads it.
const Hostile = "a\x1b]0;x\x07\x1b[2K\r\nnx-azure-cache: forged\n\u009b31m\u202etxt\u2066\u200b\u2028\x7f$(touch x)"

var forged = regexp.MustCompile(`(?m)^\s*nx-azure-cache: forged`)

// CheckShown fails unless a terminal only shows text.
func CheckShown(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) {
		t.Errorf("got %q, with bytes that some terminals obey", text)
	}
	acts := func(r rune) bool {
		return r != '\n' && r != '\t' && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
	}
	if at := strings.IndexFunc(text, acts); at >= 0 {
		t.Errorf("got %q, which acts on a terminal: %+q", text, []rune(text[at:])[0])
	}
	if forged.MatchString(text) {
		t.Errorf("got %q, with a line that is not ours", text)
	}
}
