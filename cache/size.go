package cache

import (
	"math"
	"regexp"
	"strconv"
)

// Size is a number of bytes that people write, such as the size of the largest
// archive that is stored.
type Size int64

// units are those of decimal and of binary sizes, the larger ones first.
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

// sizes are not 0: who wants nothing to be stored says so with a [Mode].
var sizes = regexp.MustCompile(`^([1-9][0-9]*(?:\.[0-9]+)?) ?([A-Za-z]+)$`)

// ParseSize reads a size as it is written in nx.json: "500MB", "1.5 GiB". The
// second result is false for anything else.
func ParseSize(text string) (Size, bool) {
	parts := sizes.FindStringSubmatch(text)
	if parts == nil {
		return 0, false
	}
	number, err := strconv.ParseFloat(parts[1], 64)
	if err != nil { // it is too large for any
		number = math.MaxFloat64
	}
	for _, unit := range units {
		if unit.name == parts[2] {
			return SizeOf(number * float64(unit.bytes)), true
		}
	}
	return 0, false
}

// SizeOf is the size of a number of bytes, or the largest one there is.
func SizeOf(bytes float64) Size {
	if bytes >= math.MaxInt64 {
		return math.MaxInt64
	}
	return Size(bytes)
}

// String writes a size in the largest unit of which it is a multiple.
func (s Size) String() string {
	for _, unit := range units {
		if s >= unit.bytes && s%unit.bytes == 0 {
			return strconv.FormatInt(int64(s/unit.bytes), 10) + unit.name
		}
	}
	return strconv.FormatInt(int64(s), 10) + "B"
}
