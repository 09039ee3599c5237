package testenv

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// Hostile is a string that a checkout, the storage or a CI may contain. It controls a
// terminal, imitates a line of ours, and runs a command in a shell.
const Hostile = "a\x1b]0;x\x07\x1b[2K\r\nnx-azure-cache: forged\n\u009b31m\u202etxt\u2066\u200b\u2028\x7f$(touch x)"

var forged = regexp.MustCompile(`(?m)^\s*nx-azure-cache: forged`)

// CheckShown fails if text controls a terminal or contains a forged line.
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
