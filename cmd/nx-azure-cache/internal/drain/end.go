package drain

import (
	"os"
	"time"

	"github.com/nx-azure-cache/nx-azure-cache/cache/scratch"
)

// endServer ends the server that has published its ID, and reports whether it is gone. Its
// lock says that it is still that process. A process of another user is never ended.
func endServer(server *scratch.Visitor, processID int) bool {
	if processID <= 0 {
		return !isAlive(server)
	}
	process, err := os.FindProcess(processID)
	if err != nil {
		return !isAlive(server)
	}
	// First the process, then whose it is: the ID may be another's meanwhile.
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
