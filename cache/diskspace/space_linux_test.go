package diskspace

import (
	"math"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSpaceOf(t *testing.T) {
	for name, test := range map[string]struct {
		stat        unix.Statfs_t
		free, total int64
	}{
		"blocks of two sizes": {unix.Statfs_t{Bsize: 1 << 20, Frsize: 4 << 10, Bavail: 10, Blocks: 100}, 40 << 10, 400 << 10},
		"an old system":       {unix.Statfs_t{Bsize: 4 << 10, Bavail: 10, Blocks: 100}, 40 << 10, 400 << 10},
		"no end of space":     {unix.Statfs_t{Bsize: 1 << 20, Frsize: 1 << 20, Bavail: 1 << 43, Blocks: math.MaxUint64}, math.MaxInt64, math.MaxInt64},
	} {
		if free, total := spaceOf(&test.stat); free != test.free || total != test.total {
			t.Errorf("%s: got %d of %d, want %d of %d", name, free, total, test.free, test.total)
		}
	}
}
