package drain

import (
	"os"

	"golang.org/x/sys/unix"
)

// isOwn reports whether a process runs as this user.
func isOwn(processID int) bool {
	process, err := unix.SysctlKinfoProc("kern.proc.pid", processID)
	return err == nil && int(process.Eproc.Ucred.Uid) == os.Geteuid()
}
