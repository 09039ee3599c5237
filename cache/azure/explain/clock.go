package explain

import (
	"fmt"
	"net/http"
	"time"
)

const (
	// MaxSkew is how far a clock may be from Azure's. Azure rejects signatures after 15
	// minutes, and tokens after 5.
	MaxSkew = 5 * time.Minute
)

// clock describes this machine's clock error and its fix; "" if the clock is right.
func (r refusal) clock() string {
	if !r.isSkewKnown || r.skew.Abs() <= MaxSkew {
		return ""
	}
	return ": " + ClockProblem(r.skew)
}

// ClockProblem describes a clock error and its fix.
func ClockProblem(skew time.Duration) string {
	side := "behind"
	if skew < 0 {
		side = "ahead of"
	}
	return fmt.Sprintf("this machine's clock is %s %s Azure's: set it (`timedatectl set-ntp true`, on Windows `w32tm /resync`)", roughDuration(skew.Abs()), side)
}

// SkewOf is how far now is behind the time of a response.
func SkewOf(header http.Header, now time.Time) (time.Duration, bool) {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return 0, false
	}
	return date.Sub(now), true
}

// roughDuration is a duration for people: minutes, hours or days.
func roughDuration(d time.Duration) string {
	switch {
	case d < 2*time.Minute:
		return fmt.Sprintf("%d seconds", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d minutes", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d hours", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days", int(d.Hours()/24))
	}
}
