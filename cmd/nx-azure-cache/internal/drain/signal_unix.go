//go:build unix

package drain

import (
	"os"
	"syscall"
)

// askToEnd lets a server give up its work and clean up.
func askToEnd(server *os.Process) error { return server.Signal(syscall.SIGTERM) }
