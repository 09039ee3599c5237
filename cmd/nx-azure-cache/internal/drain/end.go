package drain

import (
	"os"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// endServer ends the server that has published its ID, and reports whether it is gone. The
// lock of the server proves that the ID is still its own. It never ends a process of
// another user.
func endServer(server *scratch.Visitor, processID int) bool {
	if processID <= 0 {
		return !isAlive(server)
	}
	process, err := os.FindProcess(processID)
	if err != nil {
		return !isAlive(server)
	}
	// The order matters: if the process ends now, its ID may already belong to another
	// one.
	if !isAlive(server) || !isOwn(processID) {
		return !isAlive(server)
	}
	_ = askToEnd(process)
	if isGoneWithin(server, endWithin) {
		return true
	}
	_ = process.Kill()
	return isGoneWithin(server, killWithin)
}

func isGoneWithin(server *scratch.Visitor, limit time.Duration) bool {
	for deadline := time.Now().Add(limit); isAlive(server); time.Sleep(pollEvery) {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}

func isAlive(server *scratch.Visitor) bool {
	alive, err := server.Alive()
	return alive && err == nil
}
