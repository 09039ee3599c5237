// Package printable makes foreign strings safe to show: names in a checkout or in the
// storage, responses of servers, values of settings. It imports no other package of this
// module, and must not know where a string comes from. Other packages do not escape
// strings themselves, but use
//
//   - [String] for a value, [Line] for a message, [Short] for what may be long;
//   - [Command] and [Word] for what people paste into a shell.
//
// npm/nx-azure-cache/lib/printable.js does the same in JavaScript. The tests of both read
// testdata/printable.
package printable

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// String escapes the characters of s that control a terminal or are invisible, so that s
// is one line: controls, line ends, changes of the text direction, and characters without
// width. The escapes are those of Go, such as \n, \x1b and \u202e. Bytes that are not UTF-8
// become U+FFFD. It also escapes what a CI would execute in its log: see [BeginsCICommand]. Applying
// String twice is the same as applying it once.
func String(s string) string {
	if Is(s) {
		return s
	}
	var b strings.Builder
	for i, r := range s {
		switch {
		case r == '#' && BeginsCICommand(s[i:]):
			b.WriteString(`\x23`)
		case isHidden(r):
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// Is reports whether [String] returns s unchanged.
func Is(s string) bool {
	return !strings.ContainsFunc(s, isHidden) && utf8.ValidString(s) &&
		!(strings.Contains(s, "##") && ciCommand.MatchString(s))
}

// ciCommand matches what a CI executes wherever it is in a line of the log: "##vso[" for
// Azure Pipelines, "##[" for GitHub and Azure Pipelines, "##teamcity[".
var ciCommand = regexp.MustCompile(`##[\w.-]*\[`)

// ciCommandName has the characters of \w, "." and "-".
const ciCommandName = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

// BeginsCICommand reports whether s begins with a command that a CI executes wherever it is
// in a line of the log. GitHub also executes what begins a line with "::"; the package that
// writes lines escapes that.
func BeginsCICommand(s string) bool {
	name, isCommand := strings.CutPrefix(s, "##")
	return isCommand && strings.HasPrefix(strings.TrimLeft(name, ciCommandName), "[")
}

// isHidden reports whether a character controls a terminal or is invisible. Some invisible
// characters count as letters, symbols or marks.
func isHidden(r rune) bool {
	if r < 0x7F {
		return r < ' '
	}
	return !unicode.IsPrint(r) || unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// Line is [String] for a message: it joins the lines with "; ". errors.Join puts each error
// on its own line.
func Line(message string) string {
	if Is(message) {
		return message
	}
	var lines []string
	for line := range strings.SplitSeq(message, "\n") {
		if line = strings.Trim(line, " \t\r"); line != "" {
			lines = append(lines, line)
		}
	}
	return String(strings.Join(lines, "; "))
}

// Short is [String] for long strings: it returns at most max bytes (3 or more). If it cuts
// s, the result ends with "…".
func Short(s string, max int) string {
	const more = "…"
	s = String(s)
	if len(s) <= max {
		return s
	}
	end := max - len(more)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + more
}
