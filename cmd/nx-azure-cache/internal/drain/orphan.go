package drain

import (
	"context"
	"errors"
	"os"
	"runtime"
	"time"
)

// ErrOrphaned means that the process that waits for drain is gone.
var ErrOrphaned = errors.New("the parent is gone")

// UntilOrphaned returns a context that ends when parent is no longer the parent of this
// process. Windows does not report that.
func UntilOrphaned(ctx context.Context, parent int) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	if runtime.GOOS != "windows" {
		go func() {
			for ; ctx.Err() == nil; time.Sleep(pollEvery) {
				if os.Getppid() != parent {
					cancel(ErrOrphaned)
				}
			}
		}()
	}
	return ctx, func() { cancel(nil) }
}
