//go:build linux || darwin

package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnsent keeps progress visible. The system buffers some megabytes, and wakes the
// writer when a third of them has been sent. On a slow line that takes longer than a time
// limit, although data moves all the time.
func limitUnsent(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// A system that does not support it buffers as much as it likes.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
