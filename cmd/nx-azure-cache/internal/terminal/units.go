package terminal

import (
	"strconv"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/printable"
)

// Size formats a number of bytes, such as "1.2 MB": [printable.Size].
func Size(bytes int64) string { return printable.Size(bytes) }

// Thousands formats a number, such as 1,234,567.
func Thousands(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// Count formats a number with its noun, such as "1 entry" and "1,234 entries".
func Count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return Thousands(n) + " " + many
}

// Day formats a day, such as 2026-11-22, as package license does.
func Day(t time.Time) string { return t.Format(time.DateOnly) }

// Duration formats a duration, rounded.
func Duration(d time.Duration) string {
	if d < 10*time.Millisecond {
		return d.Round(100 * time.Microsecond).String()
	}
	return d.Round(time.Millisecond).String()
}
