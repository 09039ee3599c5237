package cache

import (
	"math"
	"regexp"
	"strconv"
)

// Size is a number of bytes in the configuration, such as azure.maxArtifactSize.
type Size int64

// units are the decimal and the binary units, largest first.
var units = []struct {
	name  string
	bytes Size
}{
	{"GiB", 1 << 30},
	{"GB", 1e9},
	{"MiB", 1 << 20},
	{"MB", 1e6},
	{"KiB", 1 << 10},
	{"KB", 1e3},
	{"B", 1},
}

// sizes excludes 0: a [Mode] turns storing off.
var sizes = regexp.MustCompile(`^([1-9][0-9]*(?:\.[0-9]+)?) ?([A-Za-z]+)$`)

// ParseSize parses a size of nx.json, such as "500MB" or "1.5 GiB". The second result is
// false for any other value.
func ParseSize(value string) (Size, bool) {
	parts := sizes.FindStringSubmatch(value)
	if parts == nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil { // out of range
		number = math.MaxFloat64
	}
	for _, unit := range units {
		if unit.name == parts[2] {
			return SizeOf(number * float64(unit.bytes)), true
		}
	}
	return 0, false
}

// SizeOf converts a number of bytes, or returns the largest size.
func SizeOf(bytes float64) Size {
	if bytes >= math.MaxInt64 {
		return math.MaxInt64
	}
	return Size(bytes)
}

// String formats a size in the largest unit that divides it.
func (s Size) String() string {
	for _, unit := range units {
		if s >= unit.bytes && s%unit.bytes == 0 {
			return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
