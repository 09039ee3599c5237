// Package descriptors says how many files and connections this process may have open. In
// a container with a low limit less goes on at once; none of it has to fail.
package descriptors

import (
	"errors"
	"sync"
	"syscall"
)

// Limit is how many there may be. Package os has raised it as far as that goes.
var Limit = sync.OnceValue(limit)

// most is more than are ever needed.
const most = 1 << 20

// Share is a part of the limit, between 1 and the number that there is without one.
func Share(part, without int) int { return min(max(1, Limit()/part), without) }

// Missing returns the error of the system that says that this process, or the whole
// machine, may open no more; nil where err is about something else.
func Missing(err error) error {
	for _, number := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE} {
		if errors.Is(err, number) {
			return number
		}
	}
	return nil
}
