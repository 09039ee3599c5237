package directory

import "golang.org/x/sys/unix"

// exchangeAt is renameatx_np(2) with RENAME_SWAP.
func exchangeAt(from int, name string, to int, newName string) error {
	return unix.RenameatxNp(from, name, to, newName, unix.RENAME_SWAP)
}
