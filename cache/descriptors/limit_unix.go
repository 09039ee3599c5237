//go:build unix

package descriptors

import "golang.org/x/sys/unix"

func limit() int {
	var l unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &l) != nil || l.Cur > most {
		return most
	}
	return int(l.Cur)
}
