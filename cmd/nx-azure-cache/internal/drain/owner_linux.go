package drain

import (
	"os"
	"strconv"
	"syscall"
)

// isOwn reports whether a process runs as this user.
func isOwn(processID int) bool {
	info, err := os.Stat("/proc/" + strconv.Itoa(processID))
	return err == nil && int(info.Sys().(*syscall.Stat_t).Uid) == os.Geteuid()
}
