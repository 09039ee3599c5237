// Package unwrap removes what a value picks up between the place where people copy it
// and the variable or file that holds it: quotes that a tool keeps, the name in front of
// it, a byte order mark, the line end of Windows. It imports nothing, and every package
// that reads such a value uses it, so that all accept the same forms.
package unwrap

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxLayers is how many layers Value removes, such as a name, quotes and spaces.
const maxLayers = 8

// Value returns the value in text. It removes white space and byte order marks at both
// ends, one pair of quotes around the rest, and "NAME=" or "export NAME=" in front for
// each of the names, in any order of these. Nothing within the value changes.
func Value(text string, names ...string) string {
	for range maxLayers {
		next := withoutName(withoutQuotes(trim(text)), names)
		if next == text {
			break
		}
		text = next
	}
	return text
}

// trim removes what cannot be seen.
func trim(text string) string {
	return strings.TrimFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' || r == 0
	})
}

// withoutQuotes removes a pair of quotes that has no such quote between it.
func withoutQuotes(text string) string {
	if len(text) < 2 {
		return text
	}
	quote, inner := text[:1], text[1:len(text)-1]
	if (quote != `"` && quote != "'") || !strings.HasSuffix(text, quote) || strings.Contains(inner, quote) {
		return text
	}
	return inner
}

// keywords set a variable in a shell, which may stand in front of its name.
var keywords = []string{"export ", "set "}

func withoutName(text string, names []string) string {
	rest := text
	for _, keyword := range keywords {
		rest = strings.TrimPrefix(rest, keyword)
	}
	for _, name := range names {
		if value, ok := strings.CutPrefix(strings.TrimSpace(rest), name); ok {
			if value, ok = strings.CutPrefix(strings.TrimSpace(value), "="); ok {
				return value
			}
		}
	}
	return text
}

// File returns the text of a file. PowerShell on Windows writes UTF-16.
func File(data []byte) string {
	var order func(pair []byte) uint16
	switch {
	case len(data) < 2:
		return string(data)
	case data[0] == 0xff && data[1] == 0xfe:
		order = func(pair []byte) uint16 { return uint16(pair[0]) | uint16(pair[1])<<8 }
	case data[0] == 0xfe && data[1] == 0xff:
		order = func(pair []byte) uint16 { return uint16(pair[1]) | uint16(pair[0])<<8 }
	default:
		return string(data)
	}
	var units []uint16
	for i := 2; i+1 < len(data); i += 2 {
		units = append(units, order(data[i:i+2]))
	}
	return string(utf16.Decode(units))
}
