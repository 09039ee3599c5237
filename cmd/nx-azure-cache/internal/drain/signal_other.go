//go:build !unix

package drain

import "os"

// askToEnd ends a server: Windows has nothing gentler for a process without a
// window. The next one removes what it leaves.
func askToEnd(server *os.Process) error { return server.Kill() }
