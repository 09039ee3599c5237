//go:build linux || darwin

package transport

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// limitUnsent keeps what is taken close to what is sent. The system buffers some
// megabytes, and wakes who writes when a third of them is gone: on a slow line
// that is longer than a limit, while all that time bytes have moved.
func limitUnsent(_, _ string, conn syscall.RawConn) error {
	return conn.Control(func(fd uintptr) {
		// A system that does not know it buffers as it likes.
		_ = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, maxUnsent)
	})
}
