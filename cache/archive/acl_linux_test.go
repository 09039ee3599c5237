package archive_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/nx-azure-cache/nx-azure-cache/cache/cachetest"
)

// The folder's default ACL overrides the umask, even for folders that were stored
// read-only.
func TestDefaultACL(t *testing.T) {
	const owner, group, other, anyone = 0x01, 0x04, 0x20, 0xffff_ffff
	acl := binary.LittleEndian.AppendUint32(nil, 2) // the version
	for _, entry := range [][2]uint16{{owner, 0o7}, {group, 0o7}, {other, 0o5}} {
		acl = binary.LittleEndian.AppendUint16(acl, entry[0])
		acl = binary.LittleEndian.AppendUint16(acl, entry[1])
		acl = binary.LittleEndian.AppendUint32(acl, anyone)
	}
	dir := cachetest.TempDir(t)
	err := unix.Setxattr(dir, "system.posix_acl_default", acl, 0)
	if errors.Is(err, unix.ENOTSUP) {
		t.Skip("needs a file system with ACLs")
	}
	if err != nil {
		t.Fatal(err)
	}
	content := archiveOf(t, with(withMode(0o755, folder("outputs/a/")), withMode(0o500, folder("outputs/a/b/")), withMode(0o664, file("outputs/a/b/c", "x"))))
	extractUnder(t, "077", dir, content)
	for name, want := range map[string]fs.FileMode{"outputs": 0o775, "outputs/a": 0o775, "outputs/a/b": 0o775, "outputs/a/b/c": 0o664} {
		checkMode(t, filepath.Join(dir, name), want)
	}
}
