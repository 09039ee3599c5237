package fileerror

import (
	"io/fs"

	"golang.org/x/sys/windows"
)

var errnos = systemErrnos{
	readOnly:    []error{windows.ERROR_WRITE_PROTECT},
	denied:      []error{fs.ErrPermission, windows.ERROR_SHARING_VIOLATION, windows.ERROR_LOCK_VIOLATION},
	tooMany:     []error{windows.ERROR_TOO_MANY_OPEN_FILES, windows.ERROR_NO_SYSTEM_RESOURCES},
	crossDevice: []error{windows.ERROR_NOT_SAME_DEVICE},
	gone:        []error{fs.ErrNotExist},
	broken:      []error{windows.ERROR_CRC, windows.ERROR_IO_DEVICE, windows.ERROR_NOT_READY, windows.ERROR_NETNAME_DELETED},
}
