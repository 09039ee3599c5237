package cache

import (
	"fmt"
	"strings"
)

// Mode is what a run may do with the cache. Its values are those of nx.json.
type Mode string

const (
	ReadWrite Mode = "read-write"
	ReadOnly  Mode = "read-only" // sends no write
	NoCache   Mode = "no-cache"  // sends nothing
)

// ParseMode reads a mode as it is written in nx.json or in
// NX_POWERPACK_CACHE_MODE. "read" is the old plugin's name of "read-only"
// (nx#31535).
func ParseMode(s string) (Mode, error) {
	switch mode := Mode(strings.TrimSpace(s)); mode {
	case "read":
		return ReadOnly, nil
	case ReadWrite, ReadOnly, NoCache:
		return mode, nil
	default:
		return "", fmt.Errorf("is %q; allowed are %s, %s (or read) and %s", s, ReadWrite, ReadOnly, NoCache)
	}
}
