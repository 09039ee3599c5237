//go:build unix

package main

import (
	"os"
	"syscall"
)

// askToEnd lets a server give up its work and clean up.
func askToEnd(server *os.Process) error { return server.Signal(syscall.SIGTERM) }
