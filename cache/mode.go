package cache

import "strings"

// Mode says whether a run reads and writes the remote cache, as in nx.json.
type Mode string

const (
	ReadWrite Mode = "read-write"
	ReadOnly  Mode = "read-only" // sends no write requests
	NoCache   Mode = "no-cache"  // sends no requests
)

// ParseMode parses a mode of nx.json or NX_POWERPACK_CACHE_MODE. "read" is what the old
// plugin calls "read-only" (nx#31535). The second result is false for any other value.
func ParseMode(value string) (Mode, bool) {
	switch mode := Mode(strings.TrimSpace(value)); mode {
	case "read":
		return ReadOnly, true
	case ReadWrite, ReadOnly, NoCache:
		return mode, true
	default:
		return "", false
	}
}
