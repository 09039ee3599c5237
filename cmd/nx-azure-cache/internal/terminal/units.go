package terminal

import (
	"fmt"
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

// LongDuration formats milliseconds for people, such as "0.4 s", "12 s", "12 min 30 s" and
// "3 h 5 min", as npm/nx-azure-cache/lib/printable.js does.
func LongDuration(ms int64) string {
	// 9,950 ms are rounded to 10 s, not to 10.0 s.
	if tenths := (ms + 50) / 100; tenths < 100 {
		return fmt.Sprintf("%d.%d s", tenths/10, tenths%10)
	}
	seconds, minutes := (ms+500)/1000, (ms+30_000)/60_000
	switch {
	case seconds < 60:
		return fmt.Sprintf("%d s", seconds)
	case seconds < 3600:
		return inUnits(seconds, "min", "s")
	}
	return inUnits(minutes, "h", "min")
}

// inUnits formats a number of small units. 60 of them are a large one.
func inUnits(n int64, large, small string) string {
	if n%60 == 0 {
		return fmt.Sprintf("%d %s", n/60, large)
	}
	return fmt.Sprintf("%d %s %d %s", n/60, large, n%60, small)
}
