// Package unwrap removes what people and tools add to a value when they copy it into a
// variable or a file: quotes, the name in front of it, a byte order mark, a Windows line
// end. Every package that reads such a value uses it, so that all accept the same forms. It
// imports nothing, and must not know what the value is.
package unwrap

import (
	"strings"
	"unicode"
	"unicode/utf16"
)

// maxLayers is how many layers Value removes, such as a name, quotes and spaces.
const maxLayers = 8

// Value returns the value in s. In any order, it removes white space and byte order marks
// at both ends, one pair of quotes around the rest, and a leading "NAME=" or "export NAME="
// with one of the names. It changes nothing within the value.
func Value(s string, names ...string) string {
	for range maxLayers {
		next := withoutName(withoutQuotes(trim(s)), names)
		if next == s {
			break
		}
		s = next
	}
	return s
}

// trim removes invisible characters at both ends.
func trim(s string) string {
	return strings.TrimFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || r == '\ufeff' || r == '\u200b' || r == 0
	})
}

// withoutQuotes removes a pair of quotes, unless the same quote is also inside.
func withoutQuotes(s string) string {
	if len(s) < 2 {
		return s
	}
	quote, inner := s[:1], s[1:len(s)-1]
	if (quote != `"` && quote != "'") || !strings.HasSuffix(s, quote) || strings.Contains(inner, quote) {
		return s
	}
	return inner
}

// keywords may come before the name of a variable in a shell.
var keywords = []string{"export ", "set "}

func withoutName(s string, names []string) string {
	rest := s
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
	return s
}

// File decodes the content of a file. PowerShell on Windows writes UTF-16.
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
