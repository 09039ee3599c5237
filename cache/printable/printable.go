// Package printable makes strings that others have written safe to show: names in a
// checkout or in the storage, responses of servers, values of settings. Its parts are
// the only ones of this module that do so:
//
//   - [String] for a value, [Line] for a message, [Short] for what may be long;
//   - [Command] and [Word] for what people paste into a shell.
//
// npm/nx-azure-cache/lib/printable.js does the same in JavaScript. The tests of both read
// testdata/printable.
package printable

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String returns text as a terminal only shows it, on one line. Each character that
// acts on a terminal or cannot be seen becomes an escape as Go writes it, such as
// \n, \x1b and \u202e: controls, line ends, what changes the direction of text, and
// what has no width. Bytes that are not UTF-8 become U+FFFD. Applying it twice is the
// same as applying it once.
func String(text string) string {
	if Is(text) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isHidden(r) {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Is reports whether a terminal only shows text, on one line: [String] returns it
// unchanged.
func Is(text string) bool {
	return !strings.ContainsFunc(text, isHidden) && utf8.ValidString(text)
}

// isHidden reports whether a character acts or cannot be seen. Some characters count
// as letters, symbols or marks, and are meant to be ignored where they are shown.
func isHidden(r rune) bool {
	if r < 0x7F {
		return r < ' '
	}
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Line returns a message as [String] does, with "; " between its lines: errors.Join
// puts each error on a line of its own.
func Line(text string) string {
	if Is(text) {
		return text
	}
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			lines = append(lines, line)
		}
	}
	return String(strings.Join(lines, "; "))
}

// Short is [String] for what may be long: at most max bytes of it (3 or more), which end
// in "…" where it was longer.
func Short(text string, max int) string {
	const more = "…"
	text = String(text)
	if len(text) <= max {
		return text
	}
	end := max - len(more)
	for end > 0 && !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end] + more
}
