//go:build !unix

package drain

import "os"

// askToEnd ends a server. Windows has no gentler way for a process without a window. The
// next server cleans up.
func askToEnd(server *os.Process) error { return server.Kill() }
