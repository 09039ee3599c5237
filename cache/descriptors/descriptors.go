// Package descriptors divides the open files and connections that this process may have.
// With a low limit, as in some containers, fewer operations run at once, but none fails.
// It must not know what the files are for.
package descriptors

import (
	"errors"
	"sync"
	"syscall"
)

// Limit is the maximum number. Package os has raised it as far as possible.
var Limit = sync.OnceValue(limit)

// most is more than this process ever needs.
const most = 1 << 20

// Share is a part of the limit: Limit/part, but at least 1 and at most most.
func Share(part, most int) int { return min(max(1, Limit()/part), most) }

// Missing returns the system's error if err says that this process, or the whole machine,
// has too many files open; otherwise nil.
func Missing(err error) error {
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, number) {
			return number
		}
	}
	return nil
}
