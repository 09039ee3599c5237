package cache

import "strings"

// Mode is what a run may do with the cache. Its values are those of nx.json.
type Mode string

const (
	ReadWrite Mode = "read-write"
	ReadOnly  Mode = "read-only" // sends no write
	NoCache   Mode = "no-cache"  // sends nothing
)

// ParseMode reads a mode as it is written in nx.json or in
// NX_POWERPACK_CACHE_MODE. "read" is the old plugin's name of "read-only"
// (nx#31535). The second result is false for anything else.
func ParseMode(text string) (Mode, bool) {
	switch mode := Mode(strings.TrimSpace(text)); mode {
	case "read":
		return ReadOnly, true
	case ReadWrite, ReadOnly, NoCache:
		return mode, true
	default:
		return "", false
	}
}
