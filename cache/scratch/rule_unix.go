//go:build unix

package scratch

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nx-azure-cache/nx-azure-cache/cache/diagnostic"
	"github.com/nx-azure-cache/nx-azure-cache/cache/directory"
	"github.com/nx-azure-cache/nx-azure-cache/cache/fileerror"
)

// check returns an error unless the open cache directory at path is safe.
func (r Rule) check(path string, opened fs.FileInfo) error {
	reason := r.reasonAgainst(path, opened)
	if reason == "" || r.AllowInsecure {
		return nil
	}
	return fileerror.Refuse(diagnostic.DirectoryUnsafe, "the cache directory %s is not safe: %s; set cacheDirectory in nx.json (or NX_CACHE_DIRECTORY) to a directory of your own, or NX_ALLOW_INSECURE_DIRECTORIES=true to use it anyway", path, reason)
}

// reasonAgainst follows ensureTrustedConfiguredDir in Nx 24's
// utils/cache-directory.js. It checks the path as it is written, whose links others may
// replace, and the path without links.
func (r Rule) reasonAgainst(path string, opened fs.FileInfo) string {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err.Error()
	}
	for _, pair := range [][2]string{{path, r.Workspace}, {real, realPath(r.Workspace)}} {
		if reason := r.reasonInParents(pair[0], pair[1]); reason != "" {
			return reason
		}
	}
	if info, err := os.Lstat(real); err != nil || !os.SameFile(info, opened) {
		return real + " was replaced while it was being opened"
	}
	return ""
}

// reasonInParents checks every level from the directory up to the workspace or the root
// of the file system. Everything inside the workspace is trusted.
func (r Rule) reasonInParents(directory, workspace string) string {
	if isWithin(directory, workspace) {
		return ""
	}
	for path := directory; path != workspace; path = filepath.Dir(path) {
		if reason := r.reasonAt(path, path == directory); reason != "" {
			return reason
		}
		if filepath.Dir(path) == path {
			break
		}
	}
	return ""
}

func (r Rule) reasonAt(path string, isCacheDirectory bool) string {
	info, err := os.Lstat(path)
	switch {
	case err != nil:
		return ""
	case !r.trusts(directory.OwnerOf(info)):
		return fmt.Sprintf("%s belongs to user %d", path, directory.OwnerOf(info))
	case !info.IsDir() || info.Mode().Perm()&0o002 == 0:
		return ""
	case isCacheDirectory:
		return path + " is writable by all users"
	case info.Mode()&fs.ModeSticky == 0:
		return path + " is writable by all users and not sticky"
	}
	return ""
}

// trusts reports whether a user may replace files in the cache directory: this user, root,
// and the owner of the workspace, who can change its code anyway.
func (r Rule) trusts(user int) bool {
	if user == os.Geteuid() || user == 0 {
		return true
	}
	info, err := os.Stat(r.Workspace)
	return err == nil && user == directory.OwnerOf(info)
}

func isWithin(path, folder string) bool {
	rel, err := filepath.Rel(folder, path)
	return err == nil && folder != "" && !strings.HasPrefix(rel, "..")
}

// realPath is the path without links, if it can be resolved.
func realPath(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	return path
}

// checkParent returns an error if an untrusted user owns the folder that holds the folders
// of all processes.
//
// A group may share a cache directory on purpose: the first user makes the parent, and each
// user makes folders in it. So the parent gets the permissions of the cache directory. It
// is sticky, so that users cannot remove each other's folders. The owner of the parent
// still can, but gains nothing: processes use open directories, so only results are lost.
func (r Rule) checkParent(parent, cacheDirectory *directory.Dir) error {
	owner, mode := directory.OwnerOf(parent.Info), cacheDirectory.Info.Mode()
	isShared := mode.Perm()&0o022 == 0o020 || r.AllowInsecure
	switch {
	case owner == os.Geteuid():
		grantLike(parent, cacheDirectory)
	case !isShared && !r.trusts(owner):
		return directory.Foreign(cacheDirectory.Join(scratchName), parent.Info)
	}
	return nil
}

// grantLike gives a directory of this user the permissions of another. If the file system
// refuses, other users cannot share the directory.
func grantLike(d, other *directory.Dir) {
	mode := other.Info.Mode().Perm() | 0o700
	if group := directory.GroupOf(other.Info); group != directory.GroupOf(d.Info) && d.Handle.Chown(-1, group) != nil {
		mode &^= 0o070 // the group is a different one
	}
	if mode&0o022 != 0 {
		mode |= fs.ModeSticky
	}
	const kept = fs.ModePerm | fs.ModeSticky
	if d.Info.Mode()&kept != mode {
		_ = d.Handle.Chmod(mode | other.Info.Mode()&fs.ModeSetgid)
	}
}
