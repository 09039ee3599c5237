//go:build !windows

package fileerror

import (
	"io/fs"
	"syscall"
)

var errnos = systemErrnos{
	readOnly:    []error{syscall.EROFS},
	denied:      []error{fs.ErrPermission}, // EACCES and EPERM
	tooMany:     []error{syscall.EMFILE, syscall.ENFILE},
	crossDevice: []error{syscall.EXDEV},
	gone:        []error{fs.ErrNotExist, syscall.ESTALE},
	broken:      []error{syscall.EIO, syscall.ENXIO, syscall.ENODEV},
}
