package table

import (
	"unicode"

	"golang.org/x/text/width"
)

// Width returns how many columns of a terminal a printable string takes.
func Width(s string) (columns int) {
	for _, r := range s {
		columns += runeWidth(r)
	}
	return columns
}

func runeWidth(r rune) int {
	switch {
	case r < 0x300: // the usual case, without combining characters
		return 1
	case unicode.In(r, unicode.Mn, unicode.Me), 0x1160 <= r && r <= 0x11FF: // vowels and finals of Hangul combine, too
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// maxMarks is how many combining characters may follow each other: some terminals draw
// more of them over the lines above and below.
const maxMarks = 4

// Cut returns the beginning of a string that takes at most most columns; 0 means any
// number. If it cuts s, the result ends with "…". It also drops combining characters beyond
// maxMarks in a row.
func Cut(s string, most int) string {
	var kept []rune
	columns, marks, end := 0, 0, 0 // end is where "…" still fits
	for _, r := range s {
		n := runeWidth(r)
		if n > 0 {
			marks = 0
		} else if marks++; marks > maxMarks {
			continue
		}
		if columns += n; most > 0 && columns > most {
			return string(kept[:end]) + "…"
		}
		if kept = append(kept, r); columns < most {
			end = len(kept)
		}
	}
	return string(kept)
}
