package directory

import "golang.org/x/sys/unix"

// exchangeAt is renameat2(2) with RENAME_EXCHANGE.
func exchangeAt(from int, name string, to int, newName string) error {
	return unix.Renameat2(from, name, to, newName, unix.RENAME_EXCHANGE)
}
