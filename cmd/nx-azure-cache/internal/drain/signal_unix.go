//go:build unix

package drain

import (
	"os"
	"syscall"
)

// askToEnd asks a server to stop its work and clean up.
func askToEnd(server *os.Process) error { return server.Signal(syscall.SIGTERM) }
