package terminal

import (
	"fmt"
	"strconv"
	"time"
)

// Size formats a number of bytes, such as "1.2 MB".
func Size(bytes int64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(bytes)/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
	default:
		return fmt.Sprintf("%.1f KB", float64(bytes)/1e3)
	}
}

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
