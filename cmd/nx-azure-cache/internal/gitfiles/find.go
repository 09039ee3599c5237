package gitfiles

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// find returns the absolute path of git, or "". It skips the folders of PATH that a checkout
// may provide: relative ones, those in the working directory or in the checkout, and those
// below node_modules, which npx and package managers prepend.
func find(dir string, getenv func(string) string) string {
	forbidden := forbiddenFolders(dir)
	for _, folder := range filepath.SplitList(getenv("PATH")) {
		if !filepath.IsAbs(folder) || isBelowNodeModules(folder) {
			continue
		}
		file, err := filepath.EvalSymlinks(filepath.Join(folder, executable))
		if err != nil || isBelow(file, forbidden) {
			continue
		}
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && isExecutable(info) {
			return file // the target of a link, which the checkout cannot replace
		}
	}
	return ""
}

var executable = map[bool]string{true: "git.exe", false: "git"}[runtime.GOOS == "windows"]

func isExecutable(info os.FileInfo) bool {
	return runtime.GOOS == "windows" || info.Mode().Perm()&0o111 != 0
}

// forbiddenFolders are the working directory, dir, and the checkout that contains each. The
// root of the file system is not forbidden: it contains every git.
func forbiddenFolders(dir string) []string {
	var folders []string
	working, _ := os.Getwd() // "" if it was deleted
	for _, folder := range []string{dir, working} {
		folder, err := filepath.Abs(folder)
		if err != nil {
			continue
		}
		folder = resolved(folder)
		folders = append(folders, folder, CheckoutOf(folder))
	}
	return slices.DeleteFunc(folders, func(folder string) bool { return folder == filepath.Dir(folder) })
}

// CheckoutOf returns the nearest folder from folder upwards that has a .git, or folder.
func CheckoutOf(folder string) string {
	for at := folder; ; at = filepath.Dir(at) {
		if _, err := os.Lstat(filepath.Join(at, ".git")); err == nil {
			return at
		}
		if at == filepath.Dir(at) {
			return folder
		}
	}
}

func resolved(folder string) string {
	if target, err := filepath.EvalSymlinks(folder); err == nil {
		return target
	}
	return filepath.Clean(folder)
}

func isBelow(path string, folders []string) bool {
	return slices.ContainsFunc(folders, func(folder string) bool {
		relative, err := filepath.Rel(folder, path)
		return err == nil && (relative == "." || filepath.IsLocal(relative))
	})
}

func isBelowNodeModules(folder string) bool {
	return slices.Contains(strings.Split(filepath.ToSlash(folder), "/"), "node_modules")
}
